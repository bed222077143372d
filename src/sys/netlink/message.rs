//! Netlink messages: a header, a fixed part, attributes in attributes.

/// Length of `struct nlmsghdr`.
pub const HEADER_BYTES: usize = 16;
const NLA_F_NESTED: u16 = 0x8000;
/// The upper two bits of an attribute's type are flags.
const NLA_TYPE_MASK: u16 = 0x3fff;

/// Flags of a request (`netlink(7)`).
pub mod flag {
    /// Every request has it.
    pub const REQUEST: u16 = 1;
    /// Acknowledge success too.
    pub const ACK: u16 = 4;
    /// All of them.
    pub const DUMP: u16 = 0x300;
    /// Fail if it exists.
    pub const EXCL: u16 = 0x200;
    /// Replace what exists.
    pub const REPLACE: u16 = 0x100;
    /// Make it when missing.
    pub const CREATE: u16 = 0x400;
    /// Put it at the end of the list.
    pub const APPEND: u16 = 0x800;
}

/// A message to the kernel, without its sequence number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    kind: u16,
    flags: u16,
    body: Vec<u8>,
}

impl Message {
    /// A request of this type; `flags` besides [`flag::REQUEST`].
    #[must_use]
    pub fn new(kind: u16, flags: u16) -> Message {
        Message { kind, flags: flags | flag::REQUEST, body: Vec::with_capacity(64) }
    }

    /// Appends the fixed part.
    #[must_use]
    pub fn fixed(mut self, bytes: &[u8]) -> Message {
        self.body.extend_from_slice(bytes);
        self.pad();
        self
    }

    /// Appends an attribute.
    ///
    /// # Panics
    /// `data` is longer than 65531 bytes.
    #[must_use]
    pub fn attribute(mut self, kind: u16, data: &[u8]) -> Message {
        let length = u16::try_from(data.len() + 4).expect("attributes have at most 64 KiB");
        self.body.extend_from_slice(&length.to_ne_bytes());
        self.body.extend_from_slice(&kind.to_ne_bytes());
        self.body.extend_from_slice(data);
        self.pad();
        self
    }

    /// Appends a number in the machine's byte order, as links and routes use.
    #[must_use]
    pub fn u32(self, kind: u16, value: u32) -> Message {
        self.attribute(kind, &value.to_ne_bytes())
    }

    /// Appends a number in network byte order, as nftables uses.
    #[must_use]
    pub fn be32(self, kind: u16, value: u32) -> Message {
        self.attribute(kind, &value.to_be_bytes())
    }

    /// Appends a text with its end mark.
    #[must_use]
    pub fn text(self, kind: u16, text: &str) -> Message {
        let mut bytes = text.as_bytes().to_vec();
        bytes.push(0);
        self.attribute(kind, &bytes)
    }

    /// Appends an attribute whose content `inside` appends.
    ///
    /// # Panics
    /// The content is longer than 65531 bytes.
    #[must_use]
    pub fn nest(mut self, kind: u16, inside: impl FnOnce(Message) -> Message) -> Message {
        let start = self.body.len();
        self.body.extend_from_slice(&[0; 2]);
        self.body.extend_from_slice(&(kind | NLA_F_NESTED).to_ne_bytes());
        let mut message = inside(self);
        let length = u16::try_from(message.body.len() - start);
        let length = length.expect("attributes have at most 64 KiB").to_ne_bytes();
        message.body[start..start + 2].copy_from_slice(&length);
        message
    }

    /// Asks for an acknowledgement.
    #[must_use]
    pub fn acknowledged(mut self) -> Message {
        self.flags |= flag::ACK;
        self
    }

    /// Appends the message with its header to `bytes`.
    pub fn write(&self, sequence: u32, bytes: &mut Vec<u8>) {
        let length = (HEADER_BYTES + self.body.len()) as u32;
        bytes.extend_from_slice(&length.to_ne_bytes());
        bytes.extend_from_slice(&self.kind.to_ne_bytes());
        bytes.extend_from_slice(&self.flags.to_ne_bytes());
        bytes.extend_from_slice(&sequence.to_ne_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&self.body);
    }

    fn pad(&mut self) {
        self.body.resize(aligned(self.body.len()), 0);
    }
}

/// A message from the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its type.
    pub kind: u16,
    /// Its flags.
    pub flags: u16,
    /// Number of the request that it answers.
    pub sequence: u32,
    /// What follows the header.
    pub body: Vec<u8>,
}

impl Reply {
    /// The attributes after a fixed part of `fixed` bytes.
    #[must_use]
    pub fn attributes(&self, fixed: usize) -> Attributes<'_> {
        Attributes::new(self.body.get(fixed..).unwrap_or_default())
    }

    /// The first attribute of type `kind` after a fixed part of `fixed` bytes.
    #[must_use]
    pub fn attribute(&self, fixed: usize, kind: u16) -> Option<&[u8]> {
        self.attributes(fixed).find(|(found, _)| *found == kind).map(|(_, data)| data)
    }
}

/// Splits a received datagram into messages; what is torn is left out.
pub fn replies(mut bytes: &[u8]) -> impl Iterator<Item = Reply> {
    std::iter::from_fn(move || {
        let length = number(bytes, 0)? as usize;
        let message = bytes.get(..length).filter(|_| length >= HEADER_BYTES)?;
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
        Some(Reply {
            kind: short(message, 4)?,
            flags: short(message, 6)?,
            sequence: number(message, 8)?,
            body: message[HEADER_BYTES..].to_vec(),
        })
    })
}

/// Reads attributes: type without flags, and content.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Attributes<'a> {
    /// Of the content of a message or of a nested attribute.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Attributes<'a> {
        Attributes { rest: bytes }
    }

    /// The content of the first attribute of this type.
    #[must_use]
    pub fn get(mut self, kind: u16) -> Option<&'a [u8]> {
        self.find(|(found, _)| *found == kind).map(|(_, data)| data)
    }

    /// The attributes in the first attribute of this type; none when it is missing.
    #[must_use]
    pub fn inside(self, kind: u16) -> Attributes<'a> {
        Attributes::new(self.get(kind).unwrap_or_default())
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<(u16, &'a [u8])> {
        let length = usize::from(short(self.rest, 0)?);
        let kind = short(self.rest, 2)? & NLA_TYPE_MASK;
        let data = self.rest.get(4..length)?;
        self.rest = self.rest.get(aligned(length)..).unwrap_or_default();
        Some((kind, data))
    }
}

/// A text attribute without its end mark.
#[must_use]
pub fn text(data: &[u8]) -> String {
    let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    String::from_utf8_lossy(&data[..end]).into_owned()
}

/// A number in the machine's byte order at `offset`.
#[must_use]
pub fn number(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..offset + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

/// A number in network byte order at the start.
#[must_use]
pub fn be_number(bytes: &[u8]) -> Option<u32> {
    bytes.get(..4)?.try_into().ok().map(u32::from_be_bytes)
}

fn short(bytes: &[u8], offset: usize) -> Option<u16> {
    bytes.get(offset..offset + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

/// `length` rounded up to the next multiple of four.
#[must_use]
pub const fn aligned(length: usize) -> usize {
    (length + 3) & !3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_can_be_read() {
        let message = Message::new(16, flag::ACK)
            .fixed(&[1, 2])
            .text(3, "eth0")
            .nest(18, |inside| inside.u32(1, 7).attribute(2, &[9]));
        let mut bytes = Vec::new();
        message.write(5, &mut bytes);
        message.write(6, &mut bytes);

        let read: Vec<Reply> = replies(&bytes).collect();
        assert_eq!(
            (read.len(), read[1].sequence, read[0].flags),
            (2, 6, flag::ACK | flag::REQUEST)
        );
        assert_eq!(text(read[0].attribute(4, 3).unwrap()), "eth0");
        let nested = Attributes::new(read[0].attribute(4, 18).unwrap());
        assert_eq!(number(nested.get(1).unwrap(), 0), Some(7));
        assert_eq!(nested.get(2), Some(&[9][..]));
    }

    #[test]
    fn torn_messages_end_the_list() {
        let mut bytes = Vec::new();
        Message::new(16, 0).text(3, "eth0").write(1, &mut bytes);
        for cut in 0..bytes.len() {
            assert_eq!(replies(&bytes[..cut]).count(), 0, "{cut}");
        }
    }
}
