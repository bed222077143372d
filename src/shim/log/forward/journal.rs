//! The journal's native protocol: one datagram a message (systemd: JOURNAL_NATIVE_PROTOCOL).

use std::os::unix::net::UnixDatagram;

use crate::base::{ContainerId, Context, Result};
use crate::resource::container::ContainerSpec;
use crate::resource::log::Stream;

use super::super::options;
use super::Message;

const SOCKET: &str = "/run/systemd/journal/socket";

/// A connection to the journal.
#[derive(Debug)]
pub(super) struct Journal {
    socket: UnixDatagram,
    /// Fields that all messages have, encoded.
    fields: Vec<u8>,
    dropped: u64,
    packet: Vec<u8>,
}

impl Journal {
    /// Connects to the host's journal.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn connect(spec: &ContainerSpec, id: &ContainerId) -> Result<Journal> {
        let failed = || "journald is not enabled on this host".to_owned();
        let socket = UnixDatagram::unbound().context(failed)?;
        socket.connect(SOCKET).context(failed)?;
        socket.set_nonblocking(true).context(failed)?;
        let (tag, mut fields) = (options::tag_of(spec, id), Vec::new());
        // Docker: the same names.
        for (name, value) in [
            ("CONTAINER_ID", id.short()),
            ("CONTAINER_ID_FULL", id.as_str()),
            ("CONTAINER_NAME", &spec.name),
            ("CONTAINER_TAG", &tag),
            ("SYSLOG_IDENTIFIER", &tag),
            ("IMAGE_NAME", &spec.image),
        ] {
            field(&mut fields, name, value.as_bytes());
        }
        for (name, value) in options::extra(spec) {
            field(&mut fields, &field_name(name), value.as_bytes());
        }
        Ok(Journal { socket, fields, dropped: 0, packet: Vec::new() })
    }

    /// Sends a message, or counts it as lost when the journal has no room for it.
    pub(super) fn send(&mut self, message: Message<'_>) {
        if self.dropped > 0 {
            let text = format!("compose: the journal was full: {} messages lost", self.dropped);
            if self.try_send(Stream::Stderr, text.as_bytes(), false) {
                self.dropped = 0;
            }
        }
        if !self.try_send(message.stream, message.text, message.partial) {
            self.dropped += 1;
        }
    }

    fn try_send(&mut self, stream: Stream, text: &[u8], partial: bool) -> bool {
        self.packet.clear();
        self.packet.extend_from_slice(&self.fields);
        let priority: &[u8] = if stream == Stream::Stderr { b"3" } else { b"6" };
        field(&mut self.packet, "PRIORITY", priority);
        if partial {
            field(&mut self.packet, "CONTAINER_PARTIAL_MESSAGE", b"true");
        }
        field(&mut self.packet, "MESSAGE", text);
        if self.socket.send(&self.packet).is_ok() {
            return true;
        }
        // The journal may have been started anew.
        self.socket.connect(SOCKET).is_ok() && self.socket.send(&self.packet).is_ok()
    }
}

/// `NAME=value`, or with its length where the value has more than one line.
fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    if value.contains(&b'\n') {
        out.push(b'\n');
        out.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        out.push(b'=');
    }
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// Letters, digits and `_`, in upper case, as the journal wants them.
fn field_name(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    name.chars().map(letter).collect::<String>().trim_start_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_several_lines_have_their_length() {
        let mut out = Vec::new();
        field(&mut out, "A", b"one");
        field(&mut out, "B", b"1\n2");
        assert_eq!(out, b"A=one\nB\n\x03\0\0\0\0\0\0\x001\n2\n");
        assert_eq!(field_name("com.example.tier"), "COM_EXAMPLE_TIER");
    }
}
