// sibyl/c.h: opening, trees, reading, writing.

#include <cstring>
#include <vector>

#include "base/status_macros.h"
#include "engine/c_api/handles.h"
#include "engine/c_api/option_text.h"
#include "sibyl/tree_option_text.h"

namespace sibyl::c_api {

namespace {

// A merge operator that a C program has given.
class FunctionOperator final : public MergeOperator {
 public:
  FunctionOperator(const char* name, sibyl_merge_function function, void* context)
      : name_(name), function_(function), context_(context) {}
  std::string_view name() const override { return name_; }
  std::string Merge(std::string_view older, std::string_view newer) const override {
    sibyl_merge_result result;
    function_(context_, {older.data(), older.size()}, {newer.data(), newer.size()}, &result);
    return std::move(result.bytes);
  }

 private:
  const std::string name_;
  const sibyl_merge_function function_;
  void* const context_;
};

Status SetOption(Options* options, std::string_view name, std::string_view value) {
  if (name == "create_if_missing") return Parse(name, value, &options->create_if_missing);
  if (name == "error_if_exists") return Parse(name, value, &options->error_if_exists);
  if (name == "read_only") return Parse(name, value, &options->read_only);
  if (name == "verify_every_read") return Parse(name, value, &options->verify_every_read);
  if (name == "generation_bytes") return Parse(name, value, &options->generation_bytes);
  if (name == "transaction_memory_bytes") {
    return Parse(name, value, &options->transaction_memory_bytes);
  }
  if (name == "range_deletion_keys") return Parse(name, value, &options->range_deletion_keys);
  if (name == "max_frozen_generations") {
    return Parse(name, value, &options->max_frozen_generations);
  }
  if (name == "max_pinned_generation_bytes") {
    return Parse(name, value, &options->max_pinned_generation_bytes);
  }
  if (name == "segment_bytes") return Parse(name, value, &options->segment_bytes);
  if (name == "block_bytes") return Parse(name, value, &options->block_bytes);
  if (name == "epsilon_blocks") return Parse(name, value, &options->epsilon_blocks);
  if (name == "first_level_bytes") return Parse(name, value, &options->first_level_bytes);
  if (name == "max_runs") return Parse(name, value, &options->max_runs);
  if (name == "filter_bits_per_key") return Parse(name, value, &options->filter_bits_per_key);
  if (name == "last_level_filter_bits_per_key") {
    return Parse(name, value, &options->last_level_filter_bits_per_key);
  }
  if (name == "level_ratio") return Parse(name, value, &options->level_ratio);
  if (name == "read_mode") {
    return Parse(name, value, {{"mapping", ReadMode::kMapping}, {"pread", ReadMode::kPread}},
                 &options->read_mode);
  }
  if (name == "block_cache_bytes") return Parse(name, value, &options->block_cache_bytes);
  if (name == "background_bytes_per_second") {
    return Parse(name, value, &options->background_bytes_per_second);
  }
  if (name == "event_log_bytes") return Parse(name, value, &options->event_log_bytes);
  if (name == "background_threads") return Parse(name, value, &options->background_threads);
  return NoSuchOption(name);
}

Result<TreeOptions> OptionsOf(Database& database, Tree tree) {
  SIBYL_ASSIGN_OR_RETURN(const auto trees, database.ListTrees());
  for (const TreeInfo& info : trees) {
    if (info.tree == tree) return info.options;
  }
  return Error{ErrorCode::kInvalidArgument, "tree " + std::to_string(tree.id) + " does not exist"};
}

}  // namespace

}  // namespace sibyl::c_api

using sibyl::Ok;
using sibyl::Status;
using sibyl::Tree;
using sibyl::c_api::At;
using sibyl::c_api::Guarded;
using sibyl::c_api::NewBuffer;
using sibyl::c_api::View;
using sibyl::c_api::ViewIfAny;

sibyl_options* sibyl_options_new(void) { return new (std::nothrow) sibyl_options(); }
void sibyl_options_free(sibyl_options* options) { delete options; }

sibyl_error* sibyl_options_set(sibyl_options* options, const char* name, const char* value) {
  return Guarded([&] { return sibyl::c_api::SetOption(&options->options, name, value); });
}

void sibyl_options_set_event_listener(sibyl_options* options, sibyl_event_listener listener,
                                      void* context) {
  options->options.event_listener = [listener, context](std::string_view line) {
    listener(context, {line.data(), line.size()});
  };
}

void sibyl_options_set_clock(sibyl_options* options, sibyl_clock clock, void* context) {
  options->options.clock_seconds = [clock, context] { return clock(context); };
}

sibyl_error* sibyl_options_add_merge_operator(sibyl_options* options, const char* name,
                                              sibyl_merge_function function, void* context) {
  return Guarded([&]() -> Status {
    options->options.merge_operators.push_back(
        std::make_shared<sibyl::c_api::FunctionOperator>(name, function, context));
    return Ok();
  });
}

void sibyl_merge_append(sibyl_merge_result* result, const char* data, size_t size) {
  result->bytes.append(View(data, size));
}

sibyl_error* sibyl_open(const char* directory, const sibyl_options* options, sibyl_db** db) {
  return Guarded([&]() -> Status {
    const sibyl::Options chosen = options == nullptr ? sibyl::Options() : options->options;
    SIBYL_ASSIGN_OR_RETURN(auto database, sibyl::Database::Open(chosen, directory));
    *db = new sibyl_db{std::move(database)};
    return Ok();
  });
}
void sibyl_close(sibyl_db* db) { delete db; }

sibyl_error* sibyl_create_tree(sibyl_db* db, const char* name, size_t name_size, sibyl_tree* tree) {
  return sibyl_create_tree_with(db, name, name_size, nullptr, tree);
}

sibyl_tree_options* sibyl_tree_options_new(void) { return new (std::nothrow) sibyl_tree_options; }

void sibyl_tree_options_free(sibyl_tree_options* options) { delete options; }

sibyl_error* sibyl_tree_options_set(sibyl_tree_options* options, const char* name,
                                    const char* value) {
  return Guarded([&] { return sibyl::SetTreeOption(name, value, &options->options); });
}

sibyl_error* sibyl_tree_options_get(const sibyl_tree_options* options, const char* name,
                                    sibyl_buffer* value) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const std::string text, sibyl::TreeOptionText(options->options, name));
    *value = NewBuffer(text);
    return Ok();
  });
}

sibyl_error* sibyl_create_tree_with(sibyl_db* db, const char* name, size_t name_size,
                                    const sibyl_tree_options* options, sibyl_tree* tree) {
  return Guarded([&]() -> Status {
    const sibyl::TreeOptions chosen = options == nullptr ? sibyl::TreeOptions() : options->options;
    SIBYL_ASSIGN_OR_RETURN(const Tree created,
                           db->database->CreateTree(View(name, name_size), chosen));
    *tree = created.id;
    return Ok();
  });
}

sibyl_error* sibyl_find_tree(sibyl_db* db, const char* name, size_t name_size, int* found,
                             sibyl_tree* tree) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const auto existing, db->database->FindTree(View(name, name_size)));
    *found = existing.has_value() ? 1 : 0;
    *tree = existing.value_or(Tree{0}).id;
    return Ok();
  });
}

sibyl_error* sibyl_set_tree_option(sibyl_db* db, sibyl_tree tree, const char* name,
                                   const char* value) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(sibyl::TreeOptions options,
                           sibyl::c_api::OptionsOf(*db->database, Tree{tree}));
    SIBYL_RETURN_IF_ERROR(sibyl::SetTreeOption(name, value, &options));
    return db->database->SetTreeOptions(Tree{tree}, options);
  });
}

sibyl_error* sibyl_set_tree_options(sibyl_db* db, sibyl_tree tree,
                                    const sibyl_tree_options* options) {
  return Guarded([&] { return db->database->SetTreeOptions(Tree{tree}, options->options); });
}

sibyl_error* sibyl_get_tree_options(sibyl_db* db, sibyl_tree tree, sibyl_tree_options** options) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(sibyl::TreeOptions found,
                           sibyl::c_api::OptionsOf(*db->database, Tree{tree}));
    *options = new sibyl_tree_options{std::move(found)};
    return Ok();
  });
}

sibyl_error* sibyl_drop_tree(sibyl_db* db, sibyl_tree tree) {
  return Guarded([&] { return db->database->DropTree(Tree{tree}); });
}

sibyl_error* sibyl_has_tree(sibyl_db* db, const sibyl_snapshot* snapshot, sibyl_tree tree,
                            int* has) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const bool is_there, db->database->HasTree(At(snapshot), Tree{tree}));
    *has = is_there ? 1 : 0;
    return Ok();
  });
}

sibyl_error* sibyl_list_trees(sibyl_db* db, size_t* count, sibyl_tree** trees,
                              sibyl_buffer** names) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const auto list, db->database->ListTrees());
    auto ids = std::make_unique<sibyl_tree[]>(list.size());
    auto texts = std::make_unique<sibyl_buffer[]>(list.size());
    for (size_t i = 0; i < list.size(); ++i) {
      ids[i] = list[i].tree.id;
      texts[i] = NewBuffer(list[i].name);
    }
    *count = list.size();
    *trees = ids.release();
    *names = texts.release();
    return Ok();
  });
}

void sibyl_tree_list_free(size_t count, sibyl_tree* trees, sibyl_buffer* names) {
  for (size_t i = 0; i < count; ++i) sibyl_buffer_free(&names[i]);
  delete[] trees;
  delete[] names;
}

sibyl_error* sibyl_get(sibyl_db* db, const sibyl_snapshot* snapshot, sibyl_tree tree,
                       const char* key, size_t key_size, int* found, sibyl_buffer* value) {
  return Guarded([&]() -> Status {
    sibyl::Value read;
    SIBYL_ASSIGN_OR_RETURN(const bool exists,
                           db->database->Get(At(snapshot), Tree{tree}, View(key, key_size), &read));
    *value = NewBuffer(read.view());
    *found = exists ? 1 : 0;
    return Ok();
  });
}

sibyl_pinned* sibyl_pinned_new(void) { return new (std::nothrow) sibyl_pinned; }

void sibyl_pinned_free(sibyl_pinned* pinned) { delete pinned; }

void sibyl_pinned_reset(sibyl_pinned* pinned) {
  pinned->value.Reset();
  pinned->database.reset();
}

sibyl_slice sibyl_pinned_value(const sibyl_pinned* pinned) {
  const std::string_view value = pinned->value.view();
  return {value.data(), value.size()};
}

sibyl_error* sibyl_get_pinned(sibyl_db* db, const sibyl_snapshot* snapshot, sibyl_tree tree,
                              const char* key, size_t key_size, int* found, sibyl_pinned* pinned) {
  return Guarded([&]() -> Status {
    sibyl_pinned_reset(pinned);
    SIBYL_ASSIGN_OR_RETURN(
        const bool is_there,
        db->database->GetPinned(At(snapshot), Tree{tree}, View(key, key_size), &pinned->value));
    pinned->database = db->database;
    *found = is_there ? 1 : 0;
    return Ok();
  });
}

sibyl_error* sibyl_multi_get(sibyl_db* db, const sibyl_snapshot* snapshot, sibyl_tree tree,
                             size_t count, const sibyl_slice* keys, int* found,
                             sibyl_buffer* values) {
  return Guarded([&]() -> Status {
    std::vector<std::string_view> wanted;
    wanted.reserve(count);
    for (size_t i = 0; i < count; ++i) wanted.push_back(View(keys[i]));
    std::vector<sibyl::Value> read(count);
    SIBYL_RETURN_IF_ERROR(db->database->MultiGet(At(snapshot), Tree{tree}, wanted, read));
    for (size_t i = 0; i < count; ++i) {
      values[i] = NewBuffer(read[i].view());
      found[i] = read[i].found() ? 1 : 0;
    }
    return Ok();
  });
}

sibyl_error* sibyl_count(sibyl_db* db, const sibyl_snapshot* snapshot, sibyl_tree tree,
                         const sibyl_slice* begin, const sibyl_slice* end, uint64_t* count) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(
        *count, db->database->Count(At(snapshot), Tree{tree}, {ViewIfAny(begin), ViewIfAny(end)}));
    return Ok();
  });
}

sibyl_error* sibyl_estimate_count(sibyl_db* db, sibyl_tree tree, const sibyl_slice* begin,
                                  const sibyl_slice* end, uint64_t* count) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(
        *count, db->database->EstimateCount(Tree{tree}, {ViewIfAny(begin), ViewIfAny(end)}));
    return Ok();
  });
}

sibyl_error* sibyl_rank(sibyl_db* db, const sibyl_snapshot* snapshot, sibyl_tree tree,
                        const char* key, size_t key_size, uint64_t* rank) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(*rank,
                           db->database->Rank(At(snapshot), Tree{tree}, View(key, key_size)));
    return Ok();
  });
}

sibyl_error* sibyl_at(sibyl_db* db, const sibyl_snapshot* snapshot, sibyl_tree tree, uint64_t rank,
                      int* found, sibyl_buffer* key, sibyl_buffer* value) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const auto record, db->database->At(At(snapshot), Tree{tree}, rank));
    *key = NewBuffer(record ? record->key : "");
    *value = NewBuffer(record ? record->value : "");
    *found = record ? 1 : 0;
    return Ok();
  });
}

sibyl_error* sibyl_snapshot_new(sibyl_db* db, sibyl_snapshot** snapshot) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(auto taken, db->database->GetSnapshot());
    *snapshot = new sibyl_snapshot{db->database, std::move(taken)};
    return Ok();
  });
}
uint64_t sibyl_snapshot_sequence(const sibyl_snapshot* snapshot) {
  return snapshot->snapshot->sequence();
}
void sibyl_snapshot_free(sibyl_snapshot* snapshot) { delete snapshot; }

sibyl_error* sibyl_put(sibyl_db* db, sibyl_tree tree, const char* key, size_t key_size,
                       const char* value, size_t value_size, int sync) {
  return Guarded([&] {
    return db->database->Put(Tree{tree}, View(key, key_size), View(value, value_size),
                             {.sync = sync != 0});
  });
}

sibyl_error* sibyl_delete(sibyl_db* db, sibyl_tree tree, const char* key, size_t key_size,
                          int sync) {
  return Guarded(
      [&] { return db->database->Delete(Tree{tree}, View(key, key_size), {.sync = sync != 0}); });
}

sibyl_error* sibyl_merge(sibyl_db* db, sibyl_tree tree, const char* key, size_t key_size,
                         const char* operand, size_t operand_size, int sync) {
  return Guarded([&] {
    return db->database->Merge(Tree{tree}, View(key, key_size), View(operand, operand_size),
                               {.sync = sync != 0});
  });
}

sibyl_error* sibyl_delete_range(sibyl_db* db, sibyl_tree tree, const char* begin, size_t begin_size,
                                const sibyl_slice* end, int sync) {
  return Guarded([&] {
    return db->database->DeleteRange({.sync = sync != 0}, Tree{tree}, View(begin, begin_size),
                                     ViewIfAny(end));
  });
}

sibyl_batch* sibyl_batch_new(void) { return new (std::nothrow) sibyl_batch(); }
void sibyl_batch_free(sibyl_batch* batch) { delete batch; }
void sibyl_batch_clear(sibyl_batch* batch) { batch->batch.Clear(); }
size_t sibyl_batch_count(const sibyl_batch* batch) { return batch->batch.record_count(); }

sibyl_error* sibyl_batch_put(sibyl_batch* batch, sibyl_tree tree, const char* key, size_t key_size,
                             const char* value, size_t value_size) {
  return Guarded(
      [&] { return batch->batch.Put(Tree{tree}, View(key, key_size), View(value, value_size)); });
}

sibyl_error* sibyl_batch_delete(sibyl_batch* batch, sibyl_tree tree, const char* key,
                                size_t key_size) {
  return Guarded([&] { return batch->batch.Delete(Tree{tree}, View(key, key_size)); });
}

sibyl_error* sibyl_batch_merge(sibyl_batch* batch, sibyl_tree tree, const char* key,
                               size_t key_size, const char* operand, size_t operand_size) {
  return Guarded([&] {
    return batch->batch.Merge(Tree{tree}, View(key, key_size), View(operand, operand_size));
  });
}

sibyl_error* sibyl_batch_delete_range(sibyl_batch* batch, sibyl_tree tree, const char* begin,
                                      size_t begin_size, const sibyl_slice* end) {
  return Guarded([&] {
    return batch->batch.DeleteRange(Tree{tree}, View(begin, begin_size), ViewIfAny(end));
  });
}

sibyl_error* sibyl_write(sibyl_db* db, const sibyl_batch* batch, int sync) {
  return Guarded([&] { return db->database->Write({.sync = sync != 0}, batch->batch); });
}

sibyl_error* sibyl_sync(sibyl_db* db) {
  return Guarded([&] { return db->database->Sync(); });
}

sibyl_error* sibyl_ingest(sibyl_db* db, sibyl_tree tree, sibyl_record_source source, void* context,
                          int sorted, uint64_t* records) {
  sibyl_ingest_info info = {0, 0};
  sibyl_error* const error = sibyl_ingest_with_info(db, tree, source, context, sorted, &info);
  if (error == nullptr && records != nullptr) *records = info.records;
  return error;
}

sibyl_error* sibyl_ingest_with_info(sibyl_db* db, sibyl_tree tree, sibyl_record_source source,
                                    void* context, int sorted, sibyl_ingest_info* info) {
  return Guarded([&]() -> Status {
    using Next = sibyl::Result<std::optional<sibyl::Record>>;
    const auto next = [&]() -> Next {
      sibyl_slice key = {nullptr, 0};
      sibyl_slice value = {nullptr, 0};
      const int more = source(context, &key, &value);
      if (more > 0) return std::optional<sibyl::Record>({View(key), View(value)});
      if (more == 0) return std::optional<sibyl::Record>();
      return sibyl::Error{sibyl::ErrorCode::kInvalidArgument, "the source of records gave up"};
    };
    SIBYL_ASSIGN_OR_RETURN(const sibyl::IngestResult result,
                           db->database->Ingest(Tree{tree}, next, {.sorted = sorted != 0}));
    *info = {result.records, result.segments};
    return Ok();
  });
}

sibyl_error* sibyl_flush(sibyl_db* db) {
  return Guarded([&] { return db->database->Flush(); });
}
sibyl_error* sibyl_compact(sibyl_db* db) {
  return Guarded([&] { return db->database->Compact(); });
}
