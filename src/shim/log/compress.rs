//! Rotated log files, compressed by a short-lived process of their own: the shim's loop does not
//! wait for it, and its memory goes when it ends.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use flate2::Compression;
use flate2::bufread::{GzEncoder, MultiGzDecoder};

/// The first argument of the process's command line; two paths follow.
pub const ARGUMENT: &str = "__compress";

/// Starts compressing the file at `from` into one at `to`.
///
/// # Errors
/// No process can be made.
pub(super) fn spawn(from: &Path, to: &Path) -> io::Result<Child> {
    Command::new("/proc/self/exe")
        .arg(ARGUMENT)
        .args([from, to])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

/// Runs such a process: `arguments` are the two paths.
#[must_use]
pub fn main(arguments: &[OsString]) -> ExitCode {
    let [from, to] = arguments else { return ExitCode::from(125) };
    // Containers come first; with the usual priority it works, too.
    let _ = rustix::process::nice(10);
    match replace(Path::new(from), Path::new(to)) {
        Ok(()) => ExitCode::SUCCESS,
        // The file stays as it is, which costs space only.
        Err(_) => ExitCode::FAILURE,
    }
}

/// Puts the compressed file in place of the other one: at any moment one of them is whole.
fn replace(from: &Path, to: &Path) -> io::Result<()> {
    let half = to.with_extension("new");
    let mut source = GzEncoder::new(BufReader::new(File::open(from)?), Compression::default());
    let mut target =
        File::options().write(true).create(true).truncate(true).mode(0o640).open(&half)?;
    let done = io::copy(&mut source, &mut target).and_then(|_| fs::rename(&half, to));
    if done.is_err() {
        // What is left is overwritten by the next attempt.
        let _ = fs::remove_file(&half);
        return done;
    }
    fs::remove_file(from)
}

/// The content of a compressed log file.
///
/// # Errors
/// It is damaged.
pub(super) fn read(file: &File) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    MultiGzDecoder::new(BufReader::new(file)).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_by_its_compressed_form() {
        let root = tempfile::tempdir().unwrap();
        let (plain, compressed) =
            (root.path().join("json.log.2"), root.path().join("json.log.2.gz"));
        fs::write(&plain, "line\n".repeat(1000)).unwrap();
        assert_eq!(main(&[plain.clone().into(), compressed.clone().into()]), ExitCode::SUCCESS);
        assert!(!plain.exists() && fs::metadata(&compressed).unwrap().len() < 200);
        assert_eq!(
            read(&File::open(compressed).unwrap()).unwrap(),
            "line\n".repeat(1000).into_bytes()
        );
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
