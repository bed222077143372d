//! Messages on a shim's control socket.
//!
//! The socket is of type `SOCK_SEQPACKET`: a message is a packet, so there is no framing, and
//! descriptors travel with the message they belong to. A connection begins with one [`Request`] in
//! JSON; what follows depends on it:
//!
//! | request | then |
//! |---|---|
//! | `Status` | one `Reply::Status`, end |
//! | `Commands` | one `Reply::Commands`, end |
//! | `Watch` | `Reply::Status` now and on each change, `Reply::Output` when log records were written; end when the shim ends |
//! | `Stop`, `Terminate`, `Kill`, `Pause`, `Resume`, `Update`, `Connect`, `Disconnect`, `Resize` | `Reply::Done` when it is done, end |
//! | `Exec` | `Reply::Started` (with the terminal's master), later `Reply::Exited`, end |
//! | `Attach` | [`Frame`]s in both directions |
//!
//! `Reply::Failed` may come instead of any of them.

use serde::{Deserialize, Serialize};

use crate::base::{Error, Kind};
use crate::resource::Endpoint;
use crate::resource::container::{Link, RestartPolicy, Status};
use crate::resource::process::ExecSpec;

/// Largest packet either side sends.
pub const MAX_PACKET: usize = 64 * 1024;

/// The version of these messages; a shim answers requests of its own version and older ones.
pub const VERSION: u32 = 1;

/// What is asked of a shim: the first packet of a connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// How is the container?
    Status,
    /// Which commands run in it?
    Commands,
    /// Tell me of every change, until you end.
    Watch,
    /// End the container, and do not restart it.
    Stop {
        /// First signal by name; `None`: the container's own.
        signal: Option<String>,
        /// Milliseconds before it is killed; `None`: the container's own; negative: never.
        grace_ms: Option<i64>,
        /// It is started again at once: one that removes itself stays.
        #[serde(default)]
        keep: bool,
    },
    /// End the container because the machine goes down, as the shim does that is sent SIGTERM: a
    /// boot starts it again, if its restart policy says so.
    Terminate,
    /// Send a signal to the container's first process. It counts as stopped by hand (Docker).
    Kill {
        /// Signal by name.
        signal: String,
    },
    /// Freeze.
    Pause,
    /// Thaw.
    Resume,
    /// Run a command. Without `tty`, three descriptors come with the packet: input, output, errors.
    Exec {
        /// The command.
        spec: ExecSpec,
        /// Lines and columns of its terminal.
        size: Option<(u16, u16)>,
    },
    /// Connect to the container's own input and output.
    Attach {
        /// Standard input too.
        stdin: bool,
    },
    /// From now on it is started again as this policy says.
    Update {
        /// The policy.
        restart: RestartPolicy,
    },
    /// Connect the container to one more network, which is up.
    Connect {
        /// How.
        endpoint: Endpoint,
        /// Names that only this container resolves.
        links: Vec<Link>,
    },
    /// Disconnect the container from a network.
    Disconnect {
        /// Its name.
        network: String,
    },
    /// The attached terminal's size in lines and columns.
    Resize {
        /// Lines.
        rows: u16,
        /// Characters a line.
        columns: u16,
    },
}

/// What a shim answers, as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The container's status.
    Status(Box<Status>),
    /// Ids of the commands that run in it besides its own program.
    Commands(Vec<String>),
    /// Log records were written since the last such message.
    Output,
    /// Done as asked.
    Done,
    /// The command runs.
    Started {
        /// Its process id on the host.
        pid: i32,
    },
    /// The command ended.
    Exited {
        /// Its exit code; 128+n after signal n.
        code: i32,
    },
    /// It could not be done.
    Failed(Failure),
}

/// An error on its way between processes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Name of the [`Kind`].
    pub kind: String,
    /// The whole sentence.
    pub message: String,
    /// What the user can do.
    pub hints: Vec<String>,
}

/// Kinds that survive the journey, by name.
const KINDS: [(&str, Kind); 9] = [
    ("not_found", Kind::NotFound),
    ("conflict", Kind::Conflict),
    ("invalid", Kind::Invalid),
    ("not_executable", Kind::NotExecutable),
    ("no_such_program", Kind::NoSuchProgram),
    ("unauthorized", Kind::Unauthorized),
    ("timed_out", Kind::TimedOut),
    ("interrupted", Kind::Interrupted),
    ("other", Kind::Other),
];

impl From<&Error> for Failure {
    fn from(error: &Error) -> Failure {
        let known = KINDS.iter().find(|(_, kind)| *kind == error.kind());
        Failure {
            kind: known.map_or("other", |(name, _)| name).to_owned(),
            message: error.to_string(),
            hints: error.hints().to_vec(),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        let known = KINDS.iter().find(|(name, _)| *name == failure.kind);
        let error = Error::new(known.map_or(Kind::Other, |(_, kind)| *kind), failure.message);
        failure.hints.into_iter().fold(error, Error::hint)
    }
}

/// What the process that started a shim reads from the shim's standard output, once: the
/// container runs, or why not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// It runs.
    Started(Box<Status>),
    /// It could not be started.
    Failed(Failure),
}

/// First byte of a packet on an attached connection; the rest is its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Frame {
    /// Both ways: bytes for standard input; from the shim: standard output.
    Data = 0,
    /// From the shim: standard error.
    Error = 1,
    /// To the shim: end of input.
    End = 2,
    /// To the shim: four bytes, lines and columns, big-endian.
    Resize = 3,
    /// From the shim: four bytes, the exit code, big-endian. The last packet.
    Exit = 4,
}

impl Frame {
    /// The frame type a first byte names; `None` for an unknown one.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Frame> {
        [Frame::Data, Frame::Error, Frame::End, Frame::Resize, Frame::Exit]
            .into_iter()
            .find(|frame| *frame as u8 == byte)
    }
}
