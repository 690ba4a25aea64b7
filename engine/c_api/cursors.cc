// sibyl/c.h: iterators and transactions.

#include <algorithm>
#include <chrono>

#include "base/status_macros.h"
#include "engine/c_api/handles.h"

using sibyl::Ok;
using sibyl::Status;
using sibyl::Tree;
using sibyl::c_api::Bounds;
using sibyl::c_api::Guarded;
using sibyl::c_api::NewBuffer;
using sibyl::c_api::View;
using sibyl::c_api::ViewIfAny;

sibyl_error* sibyl_iterator_new(sibyl_db* db, const sibyl_snapshot* snapshot, sibyl_tree tree,
                                const sibyl_slice* lower, const sibyl_slice* upper,
                                sibyl_iterator** iterator) {
  return Guarded([&]() -> Status {
    sibyl::IteratorOptions options = Bounds(lower, upper);
    options.snapshot = sibyl::c_api::At(snapshot).snapshot;
    SIBYL_ASSIGN_OR_RETURN(auto made, db->database->NewIterator(Tree{tree}, options));
    *iterator = new sibyl_iterator{db->database, snapshot == nullptr ? nullptr : snapshot->snapshot,
                                   nullptr, std::move(made)};
    return Ok();
  });
}

void sibyl_iterator_free(sibyl_iterator* iterator) { delete iterator; }
int sibyl_iterator_valid(const sibyl_iterator* iterator) {
  return iterator->iterator->Valid() ? 1 : 0;
}
void sibyl_iterator_seek_to_first(sibyl_iterator* iterator) { iterator->iterator->SeekToFirst(); }
void sibyl_iterator_seek_to_last(sibyl_iterator* iterator) { iterator->iterator->SeekToLast(); }
void sibyl_iterator_seek(sibyl_iterator* iterator, const char* key, size_t key_size) {
  iterator->iterator->Seek(View(key, key_size));
}
void sibyl_iterator_seek_for_prev(sibyl_iterator* iterator, const char* key, size_t key_size) {
  iterator->iterator->SeekForPrev(View(key, key_size));
}
void sibyl_iterator_next(sibyl_iterator* iterator) { iterator->iterator->Next(); }
void sibyl_iterator_prev(sibyl_iterator* iterator) { iterator->iterator->Prev(); }

sibyl_slice sibyl_iterator_key(const sibyl_iterator* iterator) {
  const std::string_view key = iterator->iterator->key();
  return {key.data(), key.size()};
}
sibyl_slice sibyl_iterator_value(const sibyl_iterator* iterator) {
  const std::string_view value = iterator->iterator->value();
  return {value.data(), value.size()};
}
sibyl_error* sibyl_iterator_error(const sibyl_iterator* iterator) {
  return Guarded([&] { return iterator->iterator->status(); });
}

sibyl_error* sibyl_transaction_begin(sibyl_db* db, sibyl_transaction** transaction) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(auto begun, db->database->BeginTransaction());
    *transaction = new sibyl_transaction{db->database, std::move(begun)};
    return Ok();
  });
}

void sibyl_transaction_free(sibyl_transaction* transaction) { delete transaction; }

sibyl_error* sibyl_transaction_get(sibyl_transaction* transaction, sibyl_tree tree, const char* key,
                                   size_t key_size, int* found, sibyl_buffer* value) {
  return Guarded([&]() -> Status {
    sibyl::Value read;
    SIBYL_ASSIGN_OR_RETURN(const bool exists,
                           transaction->transaction->Get(Tree{tree}, View(key, key_size), &read));
    *value = NewBuffer(read.view());
    *found = exists ? 1 : 0;
    return Ok();
  });
}

sibyl_error* sibyl_transaction_get_for_update(sibyl_transaction* transaction, sibyl_tree tree,
                                              const char* key, size_t key_size, uint64_t timeout_ms,
                                              int* found, sibyl_buffer* value) {
  return Guarded([&]() -> Status {
    // A year at most: more would overflow on the way to nanoseconds.
    const std::chrono::milliseconds timeout(std::min<uint64_t>(timeout_ms, 31'536'000'000));
    sibyl::Value read;
    SIBYL_ASSIGN_OR_RETURN(const bool exists, transaction->transaction->GetForUpdate(
                                                  Tree{tree}, View(key, key_size), &read, timeout));
    *value = NewBuffer(read.view());
    *found = exists ? 1 : 0;
    return Ok();
  });
}

sibyl_error* sibyl_transaction_put(sibyl_transaction* transaction, sibyl_tree tree, const char* key,
                                   size_t key_size, const char* value, size_t value_size) {
  return Guarded([&] {
    return transaction->transaction->Put(Tree{tree}, View(key, key_size), View(value, value_size));
  });
}

sibyl_error* sibyl_transaction_delete(sibyl_transaction* transaction, sibyl_tree tree,
                                      const char* key, size_t key_size) {
  return Guarded([&] { return transaction->transaction->Delete(Tree{tree}, View(key, key_size)); });
}

sibyl_error* sibyl_transaction_merge(sibyl_transaction* transaction, sibyl_tree tree,
                                     const char* key, size_t key_size, const char* operand,
                                     size_t operand_size) {
  return Guarded([&] {
    return transaction->transaction->Merge(Tree{tree}, View(key, key_size),
                                           View(operand, operand_size));
  });
}

sibyl_error* sibyl_transaction_delete_range(sibyl_transaction* transaction, sibyl_tree tree,
                                            const char* begin, size_t begin_size,
                                            const sibyl_slice* end) {
  return Guarded([&] {
    return transaction->transaction->DeleteRange(Tree{tree}, View(begin, begin_size),
                                                 ViewIfAny(end));
  });
}

sibyl_error* sibyl_transaction_create_tree(sibyl_transaction* transaction, const char* name,
                                           size_t name_size, sibyl_tree* tree) {
  return sibyl_transaction_create_tree_with(transaction, name, name_size, nullptr, tree);
}

sibyl_error* sibyl_transaction_create_tree_with(sibyl_transaction* transaction, const char* name,
                                                size_t name_size, const sibyl_tree_options* options,
                                                sibyl_tree* tree) {
  return Guarded([&]() -> Status {
    const sibyl::TreeOptions chosen = options == nullptr ? sibyl::TreeOptions() : options->options;
    SIBYL_ASSIGN_OR_RETURN(const Tree created,
                           transaction->transaction->CreateTree(View(name, name_size), chosen));
    *tree = created.id;
    return Ok();
  });
}

sibyl_error* sibyl_transaction_set_tree_options(sibyl_transaction* transaction, sibyl_tree tree,
                                                const sibyl_tree_options* options) {
  return Guarded(
      [&] { return transaction->transaction->SetTreeOptions(Tree{tree}, options->options); });
}

sibyl_error* sibyl_transaction_count(sibyl_transaction* transaction, sibyl_tree tree,
                                     const sibyl_slice* begin, const sibyl_slice* end,
                                     uint64_t* count) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(
        *count, transaction->transaction->Count(Tree{tree}, {ViewIfAny(begin), ViewIfAny(end)}));
    return Ok();
  });
}

sibyl_error* sibyl_transaction_at(sibyl_transaction* transaction, sibyl_tree tree, uint64_t rank,
                                  int* found, sibyl_buffer* key, sibyl_buffer* value) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const auto record, transaction->transaction->At(Tree{tree}, rank));
    *key = NewBuffer(record ? record->key : "");
    *value = NewBuffer(record ? record->value : "");
    *found = record ? 1 : 0;
    return Ok();
  });
}

uint64_t sibyl_transaction_pending_records(const sibyl_transaction* transaction) {
  return transaction->transaction->pending_records();
}

uint64_t sibyl_transaction_pending_bytes(const sibyl_transaction* transaction) {
  return transaction->transaction->pending_bytes();
}

uint64_t sibyl_transaction_snapshot_sequence(const sibyl_transaction* transaction) {
  return transaction->transaction->snapshot_sequence();
}

sibyl_error* sibyl_transaction_drop_tree(sibyl_transaction* transaction, sibyl_tree tree) {
  return Guarded([&] { return transaction->transaction->DropTree(Tree{tree}); });
}

sibyl_error* sibyl_transaction_iterator(sibyl_transaction* transaction, sibyl_tree tree,
                                        const sibyl_slice* lower, const sibyl_slice* upper,
                                        sibyl_iterator** iterator) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(auto made,
                           transaction->transaction->NewIterator(Tree{tree}, Bounds(lower, upper)));
    *iterator = new sibyl_iterator{transaction->database, nullptr, transaction->transaction,
                                   std::move(made)};
    return Ok();
  });
}

uint64_t sibyl_transaction_savepoint(const sibyl_transaction* transaction) {
  return transaction->transaction->Savepoint();
}

void sibyl_transaction_release_savepoint(sibyl_transaction* transaction, uint64_t savepoint) {
  transaction->transaction->ReleaseSavepoint(savepoint);
}

sibyl_error* sibyl_transaction_rollback_to(sibyl_transaction* transaction, uint64_t savepoint) {
  return Guarded([&] { return transaction->transaction->RollbackTo(savepoint); });
}

sibyl_error* sibyl_transaction_commit(sibyl_transaction* transaction, int sync) {
  return Guarded([&] { return transaction->transaction->Commit({.sync = sync != 0}); });
}
