//! Work on what came from outside, in a process of its own: whatever comes of it, the server is well.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::sync::Semaphore;

use super::engine::Runtime;

/// Longest message on standard error that is passed on, in bytes.
const MESSAGE_BYTES: u64 = 4096;

/// How such a process ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) output: Vec<u8>,
    /// Whether there was more output than may be.
    pub(super) is_cut: bool,
    pub(super) message: String,
}

/// Start `program`, give it `input`, and take what it writes, `most` bytes of it; `None` if it takes longer than `limit`.
/// It ends when the answer is dropped.
pub(super) async fn run(
    program: &Path,
    arguments: &[&str],
    input: &[&[u8]],
    most: u64,
    limit: Duration,
) -> std::io::Result<Option<Ended>> {
    let mut command = Command::new(program);
    command.args(arguments).kill_on_drop(true).env_clear();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(std::io::Error::other("it has no pipes"));
    };
    let (mut output, mut message) = (Vec::new(), Vec::new());
    let work = async {
        // It may end before it has read all; then the exit says why.
        let give = async {
            for part in input {
                if stdin.write_all(part).await.is_err() {
                    break;
                }
            }
            drop(stdin);
        };
        // More than that is of no interest, but the pipe must not fill up.
        let (mut first, mut told) = (stdout.take(most.saturating_add(1)), stderr.take(MESSAGE_BYTES));
        let taken = async {
            first.read_to_end(&mut output).await?;
            tokio::io::copy(&mut first.into_inner(), &mut tokio::io::sink()).await
        };
        let told = async {
            told.read_to_end(&mut message).await?;
            tokio::io::copy(&mut told.into_inner(), &mut tokio::io::sink()).await
        };
        let ((), taken, told) = tokio::join!(give, taken, told);
        taken.and(told)?;
        child.wait().await
    };
    let Ok(status) = tokio::time::timeout(limit, work).await else { return Ok(None) };
    let is_cut = output.len() as u64 > most;
    Ok(Some(Ended { status: status?, output, is_cut, message: String::from_utf8_lossy(&message).trim().to_owned() }))
}

/// Why such a process gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ApartError {
    /// Others had the turns.
    #[error("others kept it waiting for most of {} ms", .0.as_millis())]
    Busy(Duration),
    /// It could not be started, or not be talked to.
    #[error("its process failed: {0}")]
    Failed(#[from] std::io::Error),
    /// It took all the time that it had.
    #[error("it takes more than {} ms", .0.as_millis())]
    Late(Duration),
}

impl Runtime {
    /// Run the program that the configuration names for such work, in a turn; `None` if there is none. What it wrote
    /// counts however it ended. Of all that share `lane` only some have a turn at once, so that there is one for others.
    pub async fn apart(
        &self,
        lane: &Semaphore,
        arguments: &[&str],
        input: &[&[u8]],
        most: u64,
        limit: Duration,
    ) -> Option<Result<Vec<u8>, ApartError>> {
        let program = self.config().compiler.as_deref()?;
        let begun = Instant::now();
        // They are never closed, and then nothing would hold back anyway.
        let turn = async { (lane.acquire().await, self.shared.checking.acquire().await) };
        let Ok(_turn) = tokio::time::timeout(limit, turn).await else { return Some(Err(ApartError::Busy(limit))) };
        let left = limit.saturating_sub(begun.elapsed());
        let ended = run(program, arguments, input, most, left).await;
        Some(match ended {
            Ok(Some(ended)) => {
                if !ended.status.success() {
                    tracing::warn!(command = arguments.first(), status = %ended.status, ended.message, "it failed");
                }
                Ok(ended.output)
            }
            Ok(None) if left < limit / 2 => Err(ApartError::Busy(limit)),
            Ok(None) => Err(ApartError::Late(limit)),
            Err(error) => Err(error.into()),
        })
    }
}

/// How often such a process looks whether it is still wanted.
const PARENT_LOOK: Duration = Duration::from_millis(200);

/// End this process once the one that started it is gone, however that ended.
///
/// # Errors
/// If there is no thread for it.
pub fn end_with_parent() -> std::io::Result<()> {
    let parent = rustix::process::getppid();
    let watch = move || {
        while rustix::process::getppid() == parent {
            std::thread::sleep(PARENT_LOOK);
        }
        std::process::exit(1)
    };
    std::thread::Builder::new().name("parent".to_owned()).spawn(watch).map(drop)
}

/// What such a process may use.
#[derive(Clone, Copy, Debug)]
pub struct ProcessLimits {
    /// CPU time of all threads.
    pub cpu: Duration,
    /// Memory in bytes.
    pub data_bytes: u64,
}

impl ProcessLimits {
    /// Hold this process to them from now on.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn hold(self) -> Result<(), String> {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let most = |value: u64| Rlimit { current: Some(value), maximum: Some(value) };
        let seconds = self.cpu.as_secs().max(1);
        let cpu = Rlimit { current: Some(seconds), maximum: Some(seconds.saturating_add(5)) };
        for (resource, limit) in
            [(Resource::Cpu, cpu), (Resource::Data, most(self.data_bytes)), (Resource::Core, most(0))]
        {
            setrlimit(resource, limit).map_err(|error| format!("the process cannot be limited: {error}"))?;
        }
        Ok(())
    }
}
