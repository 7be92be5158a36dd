#include "store/signed_value.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "store/base64.h"
#include "store/store_test_util.h"

namespace hpcc {
namespace {

// The first test key of RFC 8032.
constexpr std::string_view kKeyPem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";
constexpr std::string_view kPublicPem =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
    "-----END PUBLIC KEY-----\n";
constexpr std::string_view kPublicText = "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

std::unique_ptr<Ed25519Signer> Signer() {
  return *Ed25519Signer::FromPem(kKeyPem);
}

std::string HexOf(std::string_view bytes) {
  std::string hex;
  for (const char byte : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex.push_back(kDigits[static_cast<uint8_t>(byte) >> 4]);
    hex.push_back(kDigits[static_cast<uint8_t>(byte) & 15]);
  }
  return hex;
}

class SignedValueTest : public testing::Test {
 protected:
  SignatureProblem Problem(std::string_view bytes, std::string_view scope = "scope") {
    return OpenSignedValue(trusted_, scope, bytes).problem;
  }

  const std::unique_ptr<Ed25519Signer> signer_ = Signer();
  const std::vector<Ed25519PublicKey> trusted_ = {std::string(32, 'x'), signer_->public_key()};
  const std::string signed_ = SignValue(*signer_, "scope", "HPCC sealed");
};

TEST_F(SignedValueTest, BytesAreThoseOfVersionOne) {
  // If this fails, signed values of others are refused: raise the version instead. The signature
  // was made by `openssl pkeyutl -sign -rawin` over the message that the header describes.
  EXPECT_EQ(HexOf(SignValue(*signer_, "scope", "abc")),
            "48504353"  // HPCS
            "01"        // version
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
            "250067415bd5a1122cb85fd44ba7f85ec00c60f41dae20ccc3bb16768d9364b9"
            "9db8ce016cbeeacf561b7ce7892170e37d5637324667ba611c95050d65eb0c0b"
            "616263");
}

TEST_F(SignedValueTest, OpensWhatATrustedKeySigned) {
  const OpenedValue opened = OpenSignedValue(trusted_, "scope", signed_);
  EXPECT_EQ(opened.problem, SignatureProblem::kNone);
  EXPECT_EQ(opened.body, "HPCC sealed");
}

TEST_F(SignedValueTest, WithoutTrustedKeysSignaturesAreTakenOff) {
  EXPECT_EQ(OpenSignedValue({}, "scope", signed_).body, "HPCC sealed");
  EXPECT_EQ(OpenSignedValue({}, "scope", "HPCC sealed").body, "HPCC sealed");
}

TEST_F(SignedValueTest, UnsignedAndForeignValuesAreRefused) {
  EXPECT_EQ(Problem("HPCC sealed"), SignatureProblem::kUnsigned);
  EXPECT_EQ(Problem(""), SignatureProblem::kUnsigned);
  const std::vector<Ed25519PublicKey> others = {std::string(32, 'x')};
  EXPECT_EQ(OpenSignedValue(others, "scope", signed_).problem, SignatureProblem::kUntrusted);
}

TEST_F(SignedValueTest, AValueOfAnotherScopeIsForged) {
  EXPECT_EQ(Problem(signed_, "other"), SignatureProblem::kForged);
}

TEST_F(SignedValueTest, EverySingleBitFlipIsRefused) {
  for (size_t bit = 0; bit < signed_.size() * 8; ++bit) {
    std::string flipped = signed_;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    EXPECT_NE(Problem(flipped), SignatureProblem::kNone) << bit;
  }
}

TEST_F(SignedValueTest, TruncationAtEveryLengthIsRefused) {
  for (size_t size = 0; size < signed_.size(); ++size) {
    EXPECT_NE(Problem(signed_.substr(0, size)), SignatureProblem::kNone) << size;
  }
}

TEST(Ed25519SignerTest, KeysAreReadFromFilesOfTheirOwnerOnly) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path() + "/key.pem";
  std::ofstream(path) << kKeyPem;
  std::filesystem::permissions(path, std::filesystem::perms(0640));
  EXPECT_TRUE(absl::IsPermissionDenied(Ed25519Signer::FromFile(FileSystem::Real(), path).status()));
  std::filesystem::permissions(path, std::filesystem::perms(0600));
  const auto signer = Ed25519Signer::FromFile(FileSystem::Real(), path);
  ASSERT_TRUE(signer.ok()) << signer.status();
  EXPECT_EQ(FormatPublicKey((*signer)->public_key()), kPublicText);
}

TEST(Ed25519SignerTest, OtherKeysAreRefused) {
  for (const std::string_view pem : {std::string_view(), std::string_view("no key"), kPublicPem,
                                     kKeyPem.substr(0, kKeyPem.size() / 2)}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Ed25519Signer::FromPem(pem).status())) << pem;
  }
}

TEST(TrustedKeyTest, IsReadInBothForms) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path() + "/public.pem";
  std::ofstream(path) << kPublicPem;
  const auto key = [](const std::string& text) {
    return ParseTrustedKey(FileSystem::Real(), text);
  };
  EXPECT_EQ(*key(path), Signer()->public_key());
  EXPECT_EQ(*key(std::string(kPublicText)), Signer()->public_key());
  for (const std::string& text :
       {std::string("ed25519:"), std::string("ed25519:AAAA"),
        std::string(kPublicText.substr(0, 50)), std::string(kPublicText) + "="}) {
    EXPECT_TRUE(absl::IsInvalidArgument(key(text).status())) << text;
  }
  EXPECT_FALSE(key(scratch.path() + "/gone.pem").ok());
  std::ofstream(path) << "garbage";
  EXPECT_TRUE(absl::IsInvalidArgument(key(path).status()));
}

TEST(Base64Test, DecodesOnlyWhatItEncodes) {
  for (const std::string_view bytes : {"", "f", "fo", "foo", "foob", "\xff\xfe"}) {
    EXPECT_EQ(Base64Decode(Base64Encode(bytes)), bytes);
  }
  EXPECT_EQ(Base64Encode("foob"), "Zm9vYg==");
  for (const std::string_view text : {"Z", "Zm9vYg=", "Zm9vYh==", "Zm9v Yg==", "====", "Zm9-"}) {
    EXPECT_EQ(Base64Decode(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace hpcc
