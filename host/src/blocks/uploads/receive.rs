//! An upload from its bytes to a version, or to the reason why it is none.

use std::sync::PoisonError;

use bytes::Bytes;
use futures::FutureExt as _;
use tokio::sync::oneshot;

use super::problem::{RESERVED, UploadProblem};
use super::{CLAIM, Inner, Uploads};
use crate::domain::{AuditEntry, Json, UserId, audit};
use crate::runtime::{digest, inspect};
use crate::store::{AddedVersion, NewBlockVersion, NewUpload, StoreError, UploadRow};

/// Who uploads.
#[derive(Clone, Debug)]
pub struct Uploader {
    /// The user.
    pub user_id: UserId,
    /// Whether that user may add to the types of others.
    pub is_admin: bool,
}

/// An upload that is kept and will be compiled.
#[derive(Debug)]
pub struct Received {
    /// Its id.
    pub id: String,
    /// Told once it is a version, or refused.
    pub done: oneshot::Receiver<Result<(), UploadProblem>>,
}

impl Uploads {
    /// Look at a component, keep it, and compile it in the background.
    ///
    /// # Errors
    /// If it can be seen without compiling that it is no block, if the server has too many to compile, or fails.
    pub async fn receive(&self, uploader: Uploader, bytes: Bytes) -> Result<Received, UploadProblem> {
        let inner = &self.0;
        let Ok(place) = inner.places.clone().try_acquire_owned() else {
            let message = format!("{} uploads wait to be compiled already", inner.config.waiting);
            return Err(UploadProblem::new(TOO_MANY, message));
        };
        let (looked_at, runtime, store) = (bytes.clone(), inner.catalogue.runtime().clone(), inner.store.clone());
        let look = move || {
            let digest = digest(&looked_at);
            // What was compiled before was looked at before.
            if !runtime.has_cached(&digest) {
                inspect(&looked_at)?.check()?;
            }
            if !store.has_room_for(looked_at.len()) {
                return Err(UploadProblem::disk_full(looked_at.len()));
            }
            Ok(digest)
        };
        let digest = tokio::task::spawn_blocking(look).await.map_err(|error| UploadProblem::internal(&error))??;
        let internal = |error: StoreError| UploadProblem::internal(&error);
        let now = inner.sources.now_ms();
        inner.store.keep_component(&digest, &bytes, now).await.map_err(internal)?;
        let upload = NewUpload {
            id: inner.sources.id(),
            user_id: uploader.user_id.clone(),
            digest: digest.clone(),
            bytes: bytes.len() as u64,
            owner: inner.owner.clone(),
            claimed_until: now.saturating_add(millis(CLAIM)),
            now,
        };
        let id = upload.id.clone();
        let job = Job { id: id.clone(), digest, bytes: bytes.len() as u64, uploader };
        // While it waits its bytes are in the database alone.
        drop(bytes);
        let (begin, begun) = oneshot::channel();
        let (tell, done) = oneshot::channel();
        let uploads = self.clone();
        // Whoever asked may be gone at any time: what is recorded is carried out.
        self.spawn(async move {
            let recorded = uploads.0.store.begin_upload(upload).await;
            let is_recorded = recorded.is_ok();
            if !is_recorded {
                uploads.0.store.discard_component(&job.digest, now).await;
            }
            drop(begin.send(recorded));
            if is_recorded {
                let ended = uploads.0.carry_out(&job).await;
                drop(place);
                drop(tell.send(ended));
            }
        });
        let stopped = |_| UploadProblem::internal(&"the server stops");
        begun.await.map_err(stopped)?.map_err(internal)?;
        Ok(Received { id, done })
    }

    /// Go on with an upload that another process has left.
    pub(super) fn take_over(&self, row: UploadRow) {
        let uploads = self.clone();
        self.spawn(async move {
            // Whether that user is an admin is not known any more.
            let uploader = Uploader { user_id: row.user_id, is_admin: false };
            let job = Job { id: row.id, digest: row.digest, bytes: row.bytes, uploader };
            if let Err(problem) = uploads.0.carry_out(&job).await {
                tracing::info!(upload = job.id, code = problem.code, "an upload is no block");
            }
        });
    }
}

/// How many processes may end while they compile an upload, before it is taken for what brings them down.
pub(super) const MOST_BEGUN: u32 = 3;
/// Between two tries to record the end of an upload.
const RECORD_AGAIN: std::time::Duration = std::time::Duration::from_secs(5);

/// More uploads wait than may.
pub const TOO_MANY: &str = "too-many-uploads";

struct Job {
    id: String,
    digest: String,
    bytes: u64,
    uploader: Uploader,
}

impl Inner {
    async fn carry_out(&self, job: &Job) -> Result<(), UploadProblem> {
        let worked = std::panic::AssertUnwindSafe(self.make_version(job)).catch_unwind().await;
        let result = worked.unwrap_or_else(|_| Err(UploadProblem::internal(&"a panic")));
        if let Err(problem) = &result {
            self.record_failure(job, problem).await;
        }
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).remove(&job.id);
        result
    }

    /// Take note that compiling begins, which a process that it brings down cannot do afterwards; `false` if the upload is
    /// another process's by now, or has ended.
    async fn begin(&self, job: &Job) -> Result<bool, UploadProblem> {
        // Before the database knows, so that a stop in between takes it back.
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).insert(job.id.clone());
        let begun = self.store.begin_compiling(&job.id, &self.owner).await;
        match begun.map_err(|error| UploadProblem::internal(&error))? {
            Some(times) if times > MOST_BEGUN => Err(UploadProblem::crashed(MOST_BEGUN)),
            Some(_) => Ok(true),
            None => Ok(false),
        }
    }

    /// Until the database takes it.
    async fn record_failure(&self, job: &Job, problem: &UploadProblem) {
        while let Err(error) = self.store.fail_upload(&job.id, Json::encode(problem), self.sources.now_ms()).await {
            tracing::error!(upload = job.id, %error, "the end of an upload is not recorded yet");
            tokio::time::sleep(RECORD_AGAIN).await;
        }
    }

    async fn make_version(&self, job: &Job) -> Result<(), UploadProblem> {
        let internal = |error: &dyn std::fmt::Display| UploadProblem::internal(&error.to_string());
        let runtime = self.catalogue.runtime();
        let claim = runtime.compile_claim(&job.digest).await;
        // One after the other, so that compiling takes so much of the machine and no more.
        let _ours = self.compiling.acquire().await;
        let turn = runtime.compile_turn(claim).await;
        if !self.begin(job).await? {
            tracing::info!(upload = job.id, "an upload is another's by now");
            return Ok(());
        }
        let kept = self.store.component(&job.digest).await.map_err(|error| internal(&error))?;
        let bytes = kept.ok_or_else(|| internal(&"the bytes of an upload are gone"))?;
        let component = runtime.load_in_turn(bytes.into(), &turn).await?;
        drop(turn);
        let reveals = component.reveals();
        let (block, manifest) = self.catalogue.inspect(component.clone()).await?;
        let (block_type, version) = (&block.manifest.block_type, &block.manifest.version);
        if RESERVED.contains(&block_type.category()) {
            return Err(UploadProblem::reserved(block_type));
        }
        if self.catalogue.versions(block_type).is_some_and(|versions| versions.owner.is_none()) {
            return Err(UploadProblem::of_the_server(block_type));
        }
        let now = self.sources.now_ms();
        let details = serde_json::json!({"version": version.to_string(), "digest": job.digest});
        let entry = self.entry(&job.uploader.user_id, audit::BLOCK_UPLOADED, block_type, &details);
        let new = NewBlockVersion {
            block_type: block_type.clone(),
            version: version.clone(),
            digest: job.digest.clone(),
            bytes: job.bytes,
            manifest: Json::parse(manifest).map_err(|error| internal(&error))?,
            reveals,
            user_id: job.uploader.user_id.clone(),
            is_admin: job.uploader.is_admin,
            upload_id: job.id.clone(),
            now,
        };
        match self.store.add_block_version(new, entry).await.map_err(|error| internal(&error))? {
            AddedVersion::Added => {}
            AddedVersion::NotKept => return Err(internal(&"the bytes of an upload were swept away")),
            AddedVersion::NotOwner => return Err(UploadProblem::not_owner(block_type)),
            AddedVersion::OtherBytes(digest) => return Err(UploadProblem::other_bytes(block_type, version, &digest)),
        }
        self.know(Some(component)).await.map_err(|error| internal(&error))
    }

    pub(super) fn entry(
        &self,
        user: &UserId,
        action: &str,
        block_type: &crate::domain::BlockType,
        details: &serde_json::Value,
    ) -> AuditEntry {
        AuditEntry {
            id: self.sources.id(),
            at: self.sources.now_ms(),
            user_id: user.clone(),
            action: action.to_owned(),
            subject: format!("block/{block_type}"),
            details: Json::encode(details),
        }
    }
}

pub(super) fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
