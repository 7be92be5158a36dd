#include "auth/certificate.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include "auth/auth_test_support.h"
#include "store/store_test_util.h"

namespace hpcc {
namespace {

constexpr int64_t kDay = 86400;

X509Certificate Read(std::string_view pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return X509Certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

TEST(CertificateTest, ASelfMadeOneIsForItsHostsAndItsOwnRoot) {
  const auto made = MakeSelfSignedCertificate({"build.example", "10.1.2.3", "::1"}, kTestNow, 30);
  ASSERT_TRUE(made.ok()) << made.status();
  const X509Certificate certificate = Read(made->certificate_pem);
  ASSERT_NE(certificate, nullptr);
  EXPECT_EQ(X509_check_host(certificate.get(), "build.example", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(certificate.get(), "other.example", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_ip_asc(certificate.get(), "10.1.2.3", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate.get(), "::1", 0), 1);
  EXPECT_EQ(X509_verify(certificate.get(), X509_get0_pubkey(certificate.get())), 1);
  EXPECT_EQ(made->fingerprint.size(), 64u);
  EXPECT_EQ(*CertificateFingerprint(made->certificate_pem), made->fingerprint);
}

TEST(CertificateTest, WhatIsNoHostMakesNoCertificate) {
  for (const std::vector<std::string>& hosts : {std::vector<std::string>{},
                                                {""},
                                                {"a,DNS:b"},
                                                {"a b"},
                                                {"*"},
                                                {std::string(300, 'a')},
                                                std::vector<std::string>(33, "a")}) {
    EXPECT_TRUE(absl::IsInvalidArgument(MakeSelfSignedCertificate(hosts, kTestNow, 1).status()));
  }
}

class KeptCertificateTest : public testing::Test {
 protected:
  absl::StatusOr<CertificateAndKey> Get(const std::vector<std::string>& hosts, int64_t now_s) {
    return LoadOrMakeCertificate(fs_, scratch_.path(), hosts, now_s);
  }

  FileSystem& fs_ = FileSystem::Real();
  const ScratchDirectory scratch_;
  const std::string key_file_ = scratch_.path() + "/certificate.key";
};

TEST_F(KeptCertificateTest, TheFingerprintLasts) {
  const auto first = Get({"a.example"}, kTestNow);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(StatFile(fs_, key_file_)->mode, 0600u);
  EXPECT_EQ(Get({"a.example"}, kTestNow + 3600 * kDay)->fingerprint, first->fingerprint);
}

TEST_F(KeptCertificateTest, AnotherHostOrTheEndOfItsTimeMakesANewOne) {
  const std::string first = Get({"a.example"}, kTestNow)->fingerprint;
  const std::string second = Get({"b.example"}, kTestNow)->fingerprint;
  EXPECT_NE(first, second);
  EXPECT_NE(Get({"b.example"}, kTestNow + 3625 * kDay)->fingerprint, second);
}

TEST_F(KeptCertificateTest, APairThatDoesNotFitIsMadeAnew) {
  const std::string first = Get({"a.example"}, kTestNow)->fingerprint;
  const auto other = MakeSelfSignedCertificate({"a.example"}, kTestNow, 100);
  ASSERT_TRUE(WriteFileAtomically(fs_, key_file_, other->key_pem, 0600).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(
      LoadCertificate(fs_, scratch_.path() + "/certificate.pem", key_file_).status()));
  EXPECT_NE(Get({"a.example"}, kTestNow)->fingerprint, first);
}

TEST_F(KeptCertificateTest, AKeyOthersCanReadIsRefused) {
  ASSERT_TRUE(Get({"a.example"}, kTestNow).ok());
  chmod(key_file_.c_str(), 0644);
  EXPECT_TRUE(absl::IsFailedPrecondition(Get({"a.example"}, kTestNow).status()));
}

TEST(FingerprintTest, IsReadAsPeopleCopyIt) {
  const std::string hex(64, 'a');
  std::string colons;
  for (int i = 0; i < 32; ++i) colons += i == 0 ? "AA" : ":AA";
  EXPECT_EQ(NormalizeFingerprint(colons), hex);
  EXPECT_EQ(NormalizeFingerprint(hex), hex);
  EXPECT_EQ(NormalizeFingerprint(hex + "a"), "");
  EXPECT_EQ(NormalizeFingerprint(std::string(64, 'g')), "");
  EXPECT_EQ(NormalizeFingerprint(""), "");
  EXPECT_FALSE(CertificateFingerprint("-----BEGIN CERTIFICATE-----\nAAAA\n").ok());
}

TEST(ConstantTimeEqualTest, ComparesAllBytes) {
  EXPECT_TRUE(ConstantTimeEqual("", ""));
  EXPECT_TRUE(ConstantTimeEqual("abc", "abc"));
  EXPECT_FALSE(ConstantTimeEqual("abc", "abd"));
  EXPECT_FALSE(ConstantTimeEqual("abc", "ab"));
}

}  // namespace
}  // namespace hpcc
