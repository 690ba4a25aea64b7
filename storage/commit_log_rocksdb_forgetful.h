// A memtable for RocksDB that keeps nothing: the entries of a running log are in its file already,
// and in the delta, and nobody reads them from RocksDB.
//
// Recovery needs what it replays: families are opened with RocksDB's VectorRep, and only those made
// while the log runs are forgetful. Should RocksDB ever write such a memtable to a sorted file, which
// nothing here asks for, it counts the entries, finds them missing, and fails
// (DBOptions::flush_verify_memtable_count) instead of letting go of the log file that has them.

#ifndef SIBYL_STORAGE_COMMIT_LOG_ROCKSDB_FORGETFUL_H_
#define SIBYL_STORAGE_COMMIT_LOG_ROCKSDB_FORGETFUL_H_

#include <rocksdb/memtablerep.h>

#include <memory>

namespace sibyl::storage {

std::shared_ptr<rocksdb::MemTableRepFactory> NewForgetfulMemTableFactory();

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_COMMIT_LOG_ROCKSDB_FORGETFUL_H_
