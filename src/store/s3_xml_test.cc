#include "store/s3_xml.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace hpcc {
namespace {

constexpr std::string_view kPage = R"(<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Name>b</Name><Prefix>cache%2F</Prefix><KeyCount>2</KeyCount><IsTruncated>true</IsTruncated>
  <NextContinuationToken>a/b+c==</NextContinuationToken>
  <Contents><Key>cache/a+b%2Bc</Key><LastModified>2026-11-25T04:13:20.123Z</LastModified>
    <ETag>"x"</ETag><Size>17</Size><StorageClass>STANDARD</StorageClass></Contents>
  <Contents><Key>cache/%01%C3%A9</Key><LastModified>1970-01-01T00:00:00Z</LastModified>
    <Size>0</Size></Contents>
</ListBucketResult>)";

TEST(S3XmlTest, ReadsAPage) {
  const absl::StatusOr<ListPage> page = ParseS3List(kPage);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->continuation, "a/b+c==");
  ASSERT_EQ(page->objects.size(), 2u);
  EXPECT_EQ(page->objects[0], (ObjectInfo{"cache/a b+c", 17, 1795580000123000000}));
  EXPECT_EQ(page->objects[1], (ObjectInfo{"cache/\x01\xc3\xa9", 0, 0}));
}

TEST(S3XmlTest, ThePageCutAnywhereIsDataLoss) {
  for (size_t size = 0; size < kPage.size(); ++size) {
    const absl::Status status = ParseS3List(kPage.substr(0, size)).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << size << ": " << status;
  }
}

TEST(S3XmlTest, WhatIsNoPageIsDataLoss) {
  const auto contents = [](std::string_view inside) {
    return StrCat("<ListBucketResult><Contents>", inside, "</Contents></ListBucketResult>");
  };
  constexpr std::string_view kTime = "<LastModified>2026-11-25T04:13:20Z</LastModified>";
  for (const std::string& xml :
       {std::string("<html></html>"), std::string("<Error><Code>x</Code></Error>"),
        contents(StrCat("<Size>1</Size>", kTime)),
        contents(StrCat("<Key>%zz</Key><Size>1</Size>", kTime)),
        contents(StrCat("<Key>k</Key><Size>-1</Size>", kTime)),
        contents(StrCat("<Key>k</Key><Size>99999999999999999999</Size>", kTime)),
        contents("<Key>k</Key><Size>1</Size>"),
        std::string("<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>")}) {
    EXPECT_TRUE(absl::IsDataLoss(ParseS3List(xml).status())) << xml;
  }
}

TEST(S3XmlTest, AThousandObjectsAreAPageAndOneMoreIsNot) {
  std::string contents;
  for (size_t i = 0; i < kMaxS3Keys; ++i) {
    contents +=
        "<Contents><Key>k</Key><LastModified>2026-11-25T04:13:20Z</LastModified>"
        "<Size>1</Size></Contents>";
  }
  EXPECT_TRUE(ParseS3List(StrCat("<ListBucketResult>", contents, "</ListBucketResult>")).ok());
  contents += contents.substr(0, contents.size() / kMaxS3Keys);
  EXPECT_FALSE(ParseS3List(StrCat("<ListBucketResult>", contents, "</ListBucketResult>")).ok());
}

TEST(S3XmlTest, DeepNestingIsRefused) {
  std::string xml = "<ListBucketResult>";
  for (int i = 0; i < 100000; ++i) xml += "<a>";
  EXPECT_FALSE(ParseS3List(xml).ok());
}

TEST(S3XmlTest, EntitiesAreNotExpanded) {
  const std::string xml =
      "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]>"
      "<Error><Code>&b;</Code></Error>";
  EXPECT_EQ(ParseS3Error(xml).value_or(S3Error()).code, "");
}

TEST(S3XmlTest, AnErrorsCodeIsAWordOrNothing) {
  EXPECT_EQ(ParseS3Error("<Error><Code>NoSuchKey</Code></Error>")->code, "NoSuchKey");
  EXPECT_EQ(ParseS3Error("<Error><Code>a\nb</Code></Error>")->code, "");
  EXPECT_EQ(ParseS3Error("<Error><Code>A</Code><Region>eu-west-3</Region></Error>")->region,
            "eu-west-3");
  EXPECT_FALSE(ParseS3Error("not xml"));
  EXPECT_FALSE(ParseS3Error(""));
  EXPECT_FALSE(ParseS3Error("<Other/>"));
}

TEST(S3XmlTest, TheFirstErrorOfABatchIsFound) {
  EXPECT_EQ(ParseS3DeleteResult("<DeleteResult/>")->code, "");
  EXPECT_EQ(ParseS3DeleteResult("<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key>"
                                "<Code>AccessDenied</Code></Error></DeleteResult>")
                ->code,
            "AccessDenied");
  EXPECT_TRUE(absl::IsDataLoss(ParseS3DeleteResult("<Other/>").status()));
}

TEST(S3XmlTest, NamesAreEscapedInABatch) {
  const std::vector<std::string> names = {"a&b<c>\"'\n"};
  EXPECT_EQ(S3DeleteRequest(names),
            "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>"
            "<Object><Key>a&#38;b&#60;c&#62;\"'&#10;</Key></Object></Delete>");
  EXPECT_TRUE(FitsInXml(names[0]));
  EXPECT_FALSE(FitsInXml("\x01"));
}

TEST(S3XmlTest, TimesAreReadExactly) {
  EXPECT_EQ(ParseIsoTime("1970-01-01T00:00:01.5Z"), 1500000000);
  EXPECT_EQ(ParseIsoTime("2000-02-29T23:59:59Z"), 951868799000000000);
  for (const std::string_view text :
       {"", "2026-11-25", "2026-11-25T04:13:20", "2026-13-25T04:13:20Z", "2026-02-30T04:13:20Z",
        "2026-11-25T24:13:20Z", "2026-11-25T04:13:20.Z", "2026-11-25T04:13:20.1234567890Z",
        "1969-11-25T04:13:20Z", "9999-11-25T04:13:20Z", "2026-11-25 04:13:20Z"}) {
    EXPECT_EQ(ParseIsoTime(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace hpcc
