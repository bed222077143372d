//! Archives, good and evil, unpacked for real.

mod ending;
mod exact;
mod hostile;

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::*;

/// Writes archives header by header, so that they can be wrong.
#[derive(Default)]
struct Tar(Vec<u8>);

/// An entry's header fields.
struct Fields<'a> {
    kind: u8,
    path: &'a str,
    link: &'a str,
    mode: u32,
    size: u64,
}

impl Tar {
    fn header(&mut self, fields: &Fields<'_>) -> &mut Tar {
        let mut header = tar::Header::new_ustar();
        let bytes = header.as_mut_bytes();
        bytes[..fields.path.len()].copy_from_slice(fields.path.as_bytes());
        bytes[157..157 + fields.link.len()].copy_from_slice(fields.link.as_bytes());
        bytes[156] = fields.kind;
        header.set_mode(fields.mode);
        header.set_size(fields.size);
        header.set_mtime(1_000_000_000);
        header.set_uid(0);
        header.set_gid(0);
        if matches!(fields.kind, b'3' | b'4') {
            header.set_device_major(1).unwrap();
            header.set_device_minor(3).unwrap();
        }
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self
    }

    fn data(&mut self, content: &[u8]) -> &mut Tar {
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(&mut self, path: &str, content: &str) -> &mut Tar {
        let size = content.len() as u64;
        self.header(&Fields { kind: b'0', path, link: "", mode: 0o644, size });
        self.data(content.as_bytes())
    }

    fn entry(&mut self, kind: u8, path: &str, link: &str) -> &mut Tar {
        self.header(&Fields { kind, path, link, mode: 0o755, size: 0 })
    }

    fn dir(&mut self, path: &str) -> &mut Tar {
        self.entry(b'5', path, "")
    }

    fn symlink(&mut self, path: &str, to: &str) -> &mut Tar {
        self.entry(b'2', path, to)
    }

    fn hard_link(&mut self, path: &str, to: &str) -> &mut Tar {
        self.entry(b'1', path, to)
    }

    /// An extended header for the next entry.
    fn pax(&mut self, records: &[(&str, &str)]) -> &mut Tar {
        self.records(b'x', records)
    }

    /// An extended header for all that follow.
    fn global(&mut self, records: &[(&str, &str)]) -> &mut Tar {
        self.records(b'g', records)
    }

    fn records(&mut self, kind: u8, records: &[(&str, &str)]) -> &mut Tar {
        let mut content = String::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let length =
                (1..).map(|digits| rest + digits).find(|l| l.to_string().len() + rest == *l);
            content += &format!("{} {key}={value}\n", length.unwrap());
        }
        let size = content.len() as u64;
        self.header(&Fields { kind, path: "pax", link: "", mode: 0o644, size });
        self.data(content.as_bytes())
    }

    fn end(&self) -> Vec<u8> {
        let mut bytes = self.0.clone();
        bytes.extend_from_slice(&[0; 1024]);
        bytes
    }
}

/// A layer directory with a canary beside it that no archive may touch.
struct Place {
    dir: tempfile::TempDir,
}

const CANARY: &str = "sing";

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("root")).unwrap();
        fs::create_dir(dir.path().join("outside")).unwrap();
        fs::write(dir.path().join("outside/canary"), CANARY).unwrap();
        Place { dir }
    }

    fn root(&self) -> std::path::PathBuf {
        self.dir.path().join("root")
    }

    fn unpack(&self, bytes: &[u8]) -> Result<Unpacked> {
        unpack(&mut &bytes[..], &self.root(), &Limits::default(), |_| Ok(()))
    }

    /// What is outside is as it was.
    fn is_intact(&self) -> bool {
        let outside = self.dir.path().join("outside");
        let canary = fs::metadata(outside.join("canary")).unwrap();
        fs::read_to_string(outside.join("canary")).unwrap() == CANARY
            && (canary.nlink(), canary.mode() & 0o777) == (1, 0o644)
            && fs::metadata(&outside).unwrap().mode() & 0o777 == 0o755
            && fs::read_dir(&outside).unwrap().count() == 1
            && fs::read_dir(self.dir.path()).unwrap().count() == 2
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap()
    }

    fn metadata(&self, path: &str) -> fs::Metadata {
        fs::symlink_metadata(self.root().join(path)).unwrap()
    }

    fn xattr(&self, path: &str, name: &str) -> Option<Vec<u8>> {
        let mut value = vec![0; 64];
        let count = rustix::fs::lgetxattr(self.root().join(path), name, &mut value[..]).ok()?;
        value.truncate(count);
        Some(value)
    }
}
