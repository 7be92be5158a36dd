#include "store/s3_xml.h"

#include <tinyxml2.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "base/strings.h"
#include "store/percent_encoding.h"

namespace hpcc {

namespace {

using tinyxml2::XMLDocument;
using tinyxml2::XMLElement;

absl::Status Wrong(std::string_view what) {
  return absl::DataLossError(StrCat("the server's list: ", what));
}

// "s3:Key" and "Key" are the same to us.
std::string_view LocalName(const XMLElement& element) {
  const std::string_view name = element.Name();
  const size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

const XMLElement* Child(const XMLElement& parent, std::string_view name) {
  for (const XMLElement* child = parent.FirstChildElement(); child != nullptr;
       child = child->NextSiblingElement()) {
    if (LocalName(*child) == name) return child;
  }
  return nullptr;
}

std::string_view ChildText(const XMLElement& parent, std::string_view name) {
  const XMLElement* child = Child(parent, name);
  const char* text = child == nullptr ? nullptr : child->GetText();
  return text == nullptr ? std::string_view() : std::string_view(text);
}

// The document's root when it has that name, else null.
const XMLElement* Root(XMLDocument& document, std::string_view xml, std::string_view name) {
  if (xml.empty() || xml.size() > kMaxS3Xml) return nullptr;
  if (document.Parse(xml.data(), xml.size()) != tinyxml2::XML_SUCCESS) return nullptr;
  const XMLElement* root = document.RootElement();
  return root != nullptr && LocalName(*root) == name ? root : nullptr;
}

std::string Word(std::string_view text) {
  std::string word(text.substr(0, 64));
  for (const char c : word) {
    const bool fine = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '-';
    if (!fine) return {};
  }
  return word;
}

// S3 writes a blank as '+', others as "%20"; a plus itself is "%2B" with both.
std::optional<std::string> DecodeKey(std::string_view text) {
  std::string blanks(text);
  for (char& c : blanks) {
    if (c == '+') c = ' ';
  }
  return PercentDecode(blanks);
}

absl::StatusOr<ObjectInfo> ParseContents(const XMLElement& contents) {
  ObjectInfo info;
  const std::optional<std::string> name = DecodeKey(ChildText(contents, "Key"));
  if (!name || name->empty()) return Wrong("a key that can't be read");
  info.name = *name;
  const std::string_view size = ChildText(contents, "Size");
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), info.size);
  if (error != std::errc() || end != size.data() + size.size()) {
    return Wrong("a size that is no number");
  }
  const std::optional<int64_t> modified = ParseIsoTime(ChildText(contents, "LastModified"));
  if (!modified) return Wrong("a time that can't be read");
  info.modified_ns = *modified;
  return info;
}

// `digits` of the text at `at`, and what follows them; -1 for anything else.
int Number(std::string_view text, size_t at, size_t digits) {
  if (text.size() < at + digits) return -1;
  int value = 0;
  for (const char c : text.substr(at, digits)) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

}  // namespace

std::optional<S3Error> ParseS3Error(std::string_view xml) {
  XMLDocument document;
  const XMLElement* root = Root(document, xml, "Error");
  if (root == nullptr) return std::nullopt;
  return S3Error{Word(ChildText(*root, "Code")), Word(ChildText(*root, "Region"))};
}

absl::StatusOr<ListPage> ParseS3List(std::string_view xml) {
  XMLDocument document;
  const XMLElement* root = Root(document, xml, "ListBucketResult");
  if (root == nullptr) return Wrong("not one");
  ListPage page;
  for (const XMLElement* child = root->FirstChildElement(); child != nullptr;
       child = child->NextSiblingElement()) {
    if (LocalName(*child) != "Contents") continue;
    if (page.objects.size() == kMaxS3Keys) return Wrong("longer than a page");
    absl::StatusOr<ObjectInfo> info = ParseContents(*child);
    if (!info.ok()) return info.status();
    page.objects.push_back(*std::move(info));
  }
  if (ChildText(*root, "IsTruncated") != "true") return page;
  page.continuation = ChildText(*root, "NextContinuationToken");
  if (page.continuation.empty()) return Wrong("more to come, but not how");
  return page;
}

absl::StatusOr<S3Error> ParseS3DeleteResult(std::string_view xml) {
  XMLDocument document;
  const XMLElement* root = Root(document, xml, "DeleteResult");
  if (root == nullptr) return absl::DataLossError("the server's answer to a removal: not one");
  const XMLElement* error = Child(*root, "Error");
  if (error == nullptr) return S3Error{};
  const std::string code = Word(ChildText(*error, "Code"));
  return S3Error{code.empty() ? "unnamed" : code, {}};
}

bool FitsInXml(std::string_view name) {
  return std::none_of(name.begin(), name.end(), [](char c) {
    return static_cast<uint8_t>(c) < ' ' && c != '\t' && c != '\n' && c != '\r';
  });
}

std::string S3DeleteRequest(std::span<const std::string> names) {
  std::string xml = "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>";
  for (const std::string& name : names) {
    xml += "<Object><Key>";
    for (const char c : name) {
      // Blanks other than ' ' would be changed by the reader.
      if (c == '&' || c == '<' || c == '>' || static_cast<uint8_t>(c) < ' ') {
        StrAppend(&xml, "&#", static_cast<int>(c), ";");
      } else {
        xml.push_back(c);
      }
    }
    xml += "</Key></Object>";
  }
  xml += "</Delete>";
  return xml;
}

std::optional<int64_t> ParseIsoTime(std::string_view text) {
  // 0123456789012345678
  // 2026-11-25T04:13:20[.fraction]Z
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
      text[16] != ':' || text.back() != 'Z') {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{
      std::chrono::year(Number(text, 0, 4)),
      std::chrono::month(static_cast<unsigned>(Number(text, 5, 2))),
      std::chrono::day(static_cast<unsigned>(Number(text, 8, 2)))};
  const int hours = Number(text, 11, 2);
  const int minutes = Number(text, 14, 2);
  const int seconds = Number(text, 17, 2);
  // Years that nanoseconds in 64 bits can hold.
  const int year = static_cast<int>(date.year());
  if (!date.ok() || year < 1970 || year > 2200) return std::nullopt;
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || seconds < 0 || seconds > 60) {
    return std::nullopt;
  }
  int64_t fraction_ns = 0;
  if (text.size() > 20) {
    const size_t digits = text.size() - 21;
    const int fraction = Number(text, 20, digits);
    if (text[19] != '.' || digits == 0 || digits > 9 || fraction < 0) return std::nullopt;
    fraction_ns = fraction;
    for (size_t i = digits; i < 9; ++i) fraction_ns *= 10;
  }
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return ((days * 24 + hours) * 60 + minutes) * 60'000'000'000 + seconds * 1'000'000'000LL +
         fraction_ns;
}

}  // namespace hpcc
