//! Finding a program in the container's `PATH`, and executing it.

use std::ffi::{CStr, CString};
use std::io;

use rustix::fs::{Access, AtFlags, CWD, FileType};
use rustix::io::Errno;

use crate::base::{Error, Kind};
use crate::sys;

/// Where programs are looked for when the environment does not say.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Whether [`execute`] would find a program: for those who only execute it later.
///
/// # Errors
/// [`Kind::NoSuchProgram`], [`Kind::NotExecutable`].
pub fn check(name: &str, environment: &[CString]) -> crate::base::Result<()> {
    if !name.contains('/') {
        let path = environment.iter().find_map(|entry| entry.to_str().ok()?.strip_prefix("PATH="));
        let mut directories = path.unwrap_or(DEFAULT_PATH).split(':');
        let found = directories.any(|directory| {
            let directory = if directory.is_empty() { "." } else { directory };
            is_program(&format!("{directory}/{name}"))
        });
        return match found {
            true => Ok(()),
            false => Err(missing(name)),
        };
    }
    match rustix::fs::stat(name) {
        Err(_) => {
            let message = format!("exec: \"{name}\": stat {name}: no such file or directory");
            Err(Error::new(Kind::NoSuchProgram, message))
        }
        Ok(_) if is_program(name) => Ok(()),
        Ok(_) => {
            let message = format!("exec: \"{name}\": permission denied");
            Err(Error::new(Kind::NotExecutable, message))
        }
    }
}

fn missing(name: &str) -> Error {
    let message = format!("exec: \"{name}\": executable file not found in $PATH");
    Error::new(Kind::NoSuchProgram, message)
}

/// Executes `argv[0]`; returns only on failure, in Docker's words.
#[must_use]
pub fn execute(argv: &[String], arguments: &[CString], environment: &[CString]) -> Error {
    let name = argv.first().map_or("", String::as_str);
    if name.is_empty() {
        return missing(name);
    }
    if name.contains('/') {
        return attempt(name, arguments, environment).unwrap_or_else(|| {
            let message = format!("exec: \"{name}\": stat {name}: no such file or directory");
            Error::new(Kind::NoSuchProgram, message)
        });
    }
    let path = environment.iter().find_map(|entry| entry.to_str().ok()?.strip_prefix("PATH="));
    for directory in path.unwrap_or(DEFAULT_PATH).split(':') {
        // An empty entry is the working directory.
        let candidate = match directory {
            "" => format!("./{name}"),
            directory => format!("{directory}/{name}"),
        };
        if !is_program(&candidate) {
            continue;
        }
        if let Some(error) = attempt(&candidate, arguments, environment) {
            return error;
        }
    }
    missing(name)
}

/// A regular file that this user may execute; what is not is passed over, as a shell does. Where
/// the container's filter does not let us look, the attempt will tell.
fn is_program(path: &str) -> bool {
    let unknown = |error| matches!(error, Errno::PERM | Errno::NOSYS);
    let regular = match rustix::fs::stat(path) {
        Ok(stat) => FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile,
        Err(error) => unknown(error),
    };
    let may = rustix::fs::accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS);
    regular && may.map_or_else(unknown, |()| true)
}

/// `None`: there is no such file.
fn attempt(path: &str, arguments: &[CString], environment: &[CString]) -> Option<Error> {
    let Ok(file) = CString::new(path) else { return None };
    let error = sys::process::execute(&file, arguments, environment);
    let describe = |kind, what: &str| Some(Error::new(kind, format!("exec: \"{path}\": {what}")));
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENOTDIR) if !exists(&file) => None,
        // The file is there: its interpreter is not.
        Some(libc::ENOENT) => {
            let message = format!("exec {path}: no such file or directory");
            Some(Error::new(Kind::NoSuchProgram, message))
        }
        Some(libc::EACCES) if is_directory(&file) => {
            describe(Kind::NotExecutable, "is a directory: permission denied")
        }
        Some(libc::EACCES | libc::EPERM) => describe(Kind::NotExecutable, "permission denied"),
        Some(libc::ENOEXEC) => {
            Some(Error::new(Kind::NotExecutable, format!("exec {path}: exec format error")))
        }
        _ => {
            let text = crate::base::Context::context(Err::<(), io::Error>(error), || {
                format!("exec {path}")
            });
            text.err()
        }
    }
}

fn exists(path: &CStr) -> bool {
    rustix::fs::lstat(path).is_ok()
}

fn is_directory(path: &CStr) -> bool {
    rustix::fs::stat(path)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}
