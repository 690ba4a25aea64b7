// Makes a change of the levels happen: in the manifest, then in the view.

#ifndef SIBYL_ENGINE_LEVEL_INSTALLER_H_
#define SIBYL_ENGINE_LEVEL_INSTALLER_H_

#include <memory>
#include <mutex>
#include <utility>

#include "engine/database_state.h"
#include "engine/level_edit.h"
#include "engine/model_policy.h"
#include "engine/snapshot_spiller.h"
#include "sibyl/result.h"
#include "storage/manifest.h"

namespace sibyl::engine {

// Thread-safe; one change at a time. Its mutex is below those of merges and drains.
class LevelInstaller {
 public:
  // All of them outlive it; `manifest` is the one in force. The policy is told which segments are
  // gone, the spiller which generations left the view.
  LevelInstaller(DatabaseState& state, SnapshotSpiller& spiller, ModelPolicy& policy,
                 storage::Manifest manifest);

  // Commits a manifest with the levels after `edit`, then shows them to readers. Errors: those of
  // CommitLog::CommitManifest; the levels are as they were then, but after kIo the edit may be
  // found made when the database is opened again.
  Status Install(const LevelEdit& edit);

  // The manifest in force, and a view with the levels that it names.
  std::pair<storage::Manifest, std::shared_ptr<const View>> ManifestAndView() const;

 private:
  storage::Manifest ManifestWith(const EditedLevels& after) const;
  void ForgetRemoved(const LevelEdit& edit);

  DatabaseState& state_;
  SnapshotSpiller& spiller_;
  ModelPolicy& model_policy_;
  mutable std::mutex mutex_;
  storage::Manifest manifest_;  // guarded by mutex_
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_LEVEL_INSTALLER_H_
