//! System calls that another program answers: it gets the filter's descriptor over its socket
//! (OCI: config-linux.md#containerprocessstate).

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use oci_spec::runtime::{LinuxSeccomp, State};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType, connect, sendmsg, socket_with,
};
use serde_json::json;

use crate::base::{Context, Error, Kind, Result};

use super::Program;

/// Who answers.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    metadata: Option<String>,
    state: State,
}

impl Listener {
    /// Connects to who answers for `program`; `None` when nobody has to.
    ///
    /// # Errors
    /// [`Kind::Invalid`] when the profile does not say who; nobody listens there.
    pub fn connect(
        program: &Program,
        profile: Option<&LinuxSeccomp>,
        state: Option<&State>,
    ) -> Result<Option<Listener>> {
        if program.flags & libc::SECCOMP_FILTER_FLAG_NEW_LISTENER == 0 {
            return Ok(None);
        }
        let path = profile.and_then(|profile| profile.listener_path().as_deref());
        let path = path.ok_or_else(|| {
            let message = "SCMP_ACT_NOTIFY needs a listenerPath in the seccomp profile";
            Error::new(Kind::Invalid, message)
        })?;
        let socket = open(path)
            .context(|| format!("failed to connect with seccomp agent {}", path.display()))?;
        let metadata = profile.and_then(|profile| profile.listener_metadata().clone());
        Ok(Some(Listener { socket, metadata, state: state.cloned().unwrap_or_default() }))
    }

    /// Hands over the filter's descriptor, of the process that the host knows as `pid`.
    ///
    /// # Errors
    /// Who answers has gone.
    pub fn hand_over(&self, filter: &OwnedFd, pid: i32) -> io::Result<()> {
        let mut state = self.state.clone();
        state.set_pid(state.pid().or(Some(pid)));
        let mut text = json!({
            "ociVersion": state.version(), "fds": ["seccompFd"], "pid": pid, "state": state,
        });
        if let Some(metadata) = &self.metadata {
            text["metadata"] = json!(metadata);
        }
        let text = text.to_string();
        let fds = [filter.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        ancillary.push(SendAncillaryMessage::ScmRights(&fds));
        sendmsg(
            &self.socket,
            &[IoSlice::new(text.as_bytes())],
            &mut ancillary,
            SendFlags::NOSIGNAL,
        )?;
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<OwnedFd> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}
