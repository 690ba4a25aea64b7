#include "storage/segment_format.h"

#include <algorithm>
#include <set>

#include "base/checksum.h"
#include "base/coding.h"
#include "storage/block.h"

namespace sibyl::storage {
namespace {

constexpr std::string_view kHeaderMagic = "SIBYLSEG";
constexpr std::string_view kFooterMagic = "GESLYBIS";

Error Damaged(std::string what) { return Error{ErrorCode::kCorruption, std::move(what)}; }

// Tags of the properties. They reach the disk: never renumber, never reuse.
struct NumberProperty {
  uint64_t tag;
  uint64_t SegmentProperties::*member;
};
constexpr NumberProperty kNumberProperties[] = {
    {1, &SegmentProperties::records},
    {2, &SegmentProperties::tombstones},
    {3, &SegmentProperties::blocks},
    {4, &SegmentProperties::largest_block_records},
    {5, &SegmentProperties::largest_block_bytes},
    {8, &SegmentProperties::training_ns},
    {9, &SegmentProperties::build_ns},
    {10, &SegmentProperties::fingerprint},
    {12, &SegmentProperties::compressed_blocks},
    {13, &SegmentProperties::packed_blocks},
    {14, &SegmentProperties::plain_blocks_bytes},
};

// From this tag on a number that is 0 is left out: files of version 1 have none of them.
constexpr uint64_t kFirstOptionalTag = 12;

struct TextProperty {
  uint64_t tag;
  std::string SegmentProperties::*member;
};
constexpr TextProperty kTextProperties[] = {
    {6, &SegmentProperties::smallest_key},
    {7, &SegmentProperties::largest_key},
    {11, &SegmentProperties::model_note},
};

// Sets what `tag` stands for. False: the bytes cannot be its value.
bool SetProperty(uint64_t tag, std::string_view bytes, SegmentProperties* properties) {
  for (const NumberProperty& property : kNumberProperties) {
    if (property.tag != tag) continue;
    if (bytes.size() != sizeof(uint64_t)) return false;
    properties->*property.member = base::Load64(bytes.data());
  }
  for (const TextProperty& property : kTextProperties) {
    if (property.tag == tag) properties->*property.member = bytes;
  }
  return true;
}

Section DecodeSection(std::string_view bytes) {
  base::Decoder decoder(bytes);
  Section section;
  section.kind = static_cast<SectionKind>(decoder.Get32());
  decoder.Get32();
  section.offset = decoder.Get64();
  section.size_bytes = decoder.Get64();
  section.checksum = decoder.Get64();
  return section;
}

}  // namespace

std::string EncodeSegmentHeader(uint32_t version) {
  std::string bytes(kHeaderMagic);
  base::Put32(&bytes, version);
  base::Put32(&bytes, 0);
  base::Put64(&bytes, base::Checksum(bytes));
  base::Put64(&bytes, 0);
  return bytes;
}

Status CheckSegmentHeader(std::string_view bytes) {
  if (bytes.size() != kSegmentHeaderBytes || !bytes.starts_with(kHeaderMagic)) {
    return Damaged("not a segment file: it does not begin with \"SIBYLSEG\"");
  }
  if (base::Load64(bytes.data() + 16) != base::Checksum(bytes.substr(0, 16))) {
    return Damaged("header checksum mismatch at offset 16");
  }
  const uint32_t version = base::Load32(bytes.data() + 8);
  if (version > kSegmentFormatVersion) {
    return Error{ErrorCode::kNotSupported, "segment format version " + std::to_string(version) +
                                               " is newer than this program, which knows version " +
                                               std::to_string(kSegmentFormatVersion)};
  }
  if (version == 0 || bytes != EncodeSegmentHeader(version)) return Damaged("damaged header at offset 0");
  return Ok();
}

std::string EncodeSegmentFooter(const std::vector<Section>& sections, uint64_t footer_offset) {
  std::string bytes;
  for (const Section& section : sections) {
    base::Put32(&bytes, static_cast<uint32_t>(section.kind));
    base::Put32(&bytes, 0);
    base::Put64(&bytes, section.offset);
    base::Put64(&bytes, section.size_bytes);
    base::Put64(&bytes, section.checksum);
  }
  base::Put32(&bytes, static_cast<uint32_t>(sections.size()));
  base::Put32(&bytes, 0);
  base::Put64(&bytes, footer_offset + bytes.size() + 24);
  base::Put64(&bytes, base::Checksum(bytes));
  bytes.append(kFooterMagic);
  return bytes;
}

Result<uint64_t> SegmentFooterBytes(std::string_view tail, uint64_t file_bytes) {
  if (!tail.ends_with(kFooterMagic) || base::Load64(tail.data() + 8) != file_bytes) {
    return Damaged("the file does not end with its footer: damaged, truncated or unfinished");
  }
  const uint64_t footer_bytes =
      base::Load32(tail.data()) * uint64_t{Section::kEncodedBytes} + kSegmentTailBytes;
  if (footer_bytes > file_bytes - kSegmentHeaderBytes) {
    return Damaged("impossible number of sections in the footer");
  }
  return footer_bytes;
}

Result<std::vector<Section>> DecodeSegmentFooter(std::string_view footer, uint64_t file_bytes) {
  const std::string_view checked = footer.substr(0, footer.size() - 16);
  const uint64_t footer_offset = file_bytes - footer.size();
  if (base::Load64(footer.data() + checked.size()) != base::Checksum(checked)) {
    return Damaged("footer checksum mismatch at offset " + std::to_string(footer_offset));
  }
  std::vector<Section> sections;
  std::set<SectionKind> kinds;
  uint64_t end = kSegmentHeaderBytes;
  for (std::string_view table = footer.substr(0, footer.size() - kSegmentTailBytes); !table.empty();
       table.remove_prefix(Section::kEncodedBytes)) {
    const Section section = DecodeSection(table.substr(0, Section::kEncodedBytes));
    if (section.offset != RoundUpToAlignment(end) || section.offset > footer_offset ||
        section.size_bytes > footer_offset - section.offset || !kinds.insert(section.kind).second) {
      return Damaged("impossible section " + std::to_string(sections.size()) + " in the footer");
    }
    end = section.offset + section.size_bytes;
    sections.push_back(section);
  }
  if (RoundUpToAlignment(end) != footer_offset) return Damaged("bytes between sections and footer");
  return sections;
}

std::string EncodeSegmentProperties(const SegmentProperties& properties) {
  std::string bytes;
  for (const NumberProperty& property : kNumberProperties) {
    if (property.tag >= kFirstOptionalTag && properties.*property.member == 0) continue;
    std::string value;
    base::Put64(&value, properties.*property.member);
    base::PutVarint(&bytes, property.tag);
    base::PutString(&bytes, value);
  }
  for (const TextProperty& property : kTextProperties) {
    base::PutVarint(&bytes, property.tag);
    base::PutString(&bytes, properties.*property.member);
  }
  return bytes;
}

Result<SegmentProperties> DecodeSegmentProperties(std::string_view bytes) {
  base::Decoder decoder(bytes);
  SegmentProperties properties;
  std::set<uint64_t> tags;
  while (!decoder.done()) {
    const uint64_t tag = decoder.GetVarint();
    const std::string_view value = decoder.GetString();
    if (!decoder.ok() || !tags.insert(tag).second || !SetProperty(tag, value, &properties)) {
      return Damaged("malformed property " + std::to_string(tag));
    }
  }
  return properties;
}

}  // namespace sibyl::storage
