//! Who a program runs as: names looked up in the image's own `/etc/passwd` and `/etc/group`.

use std::io::Read;
use std::path::Path;

use rustix::fs::{FileType, OFlags};

use crate::base::{Context, Error, Kind, Result};

use super::bundle::UserSpec;
use super::root::Root;

/// No sane account database is larger; a hostile one may be (CVE-2026-47262).
const MAX_FILE: u64 = 10 << 20;

/// The largest id: 2³²-1 means "no change" to the kernel.
const MAX_ID: u64 = (1 << 32) - 2;

/// A user, as numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// Further groups. Of names that were looked up all of them, the primary one first: a file
    /// closed to that group alone must stay closed (CVE-2022-36109).
    pub groups: Vec<u32>,
    /// Home directory; `/` when `/etc/passwd` has none.
    pub home: String,
}

/// Looks up `spec` in the image at `root`.
///
/// A word of digits is a number and never a name (CVE-2016-3697), and one that is too large is
/// an error and never wraps around (CVE-2024-40635).
///
/// # Errors
/// [`Kind::Invalid`] for a name that is not there, or a file that is too large or not regular.
pub fn resolve(root: &Root, spec: &UserSpec) -> Result<User> {
    let passwd = read(root, "/etc/passwd")?;
    let group = read(root, "/etc/group")?;
    look_up(spec, &passwd, &group)
}

/// A user given as numbers, as OCI bundles do, with just the groups that they name; only the home
/// directory is looked up.
///
/// # Errors
/// As [`resolve`], for the file.
pub fn of_numbers(root: &Root, uid: u32, gid: u32, more: &[u32]) -> Result<User> {
    let home = Account::of_number(uid, &read(root, "/etc/passwd")?).home;
    Ok(User { uid, gid, groups: more.to_vec(), home })
}

/// Pure part of [`resolve`].
fn look_up(spec: &UserSpec, passwd: &str, group: &str) -> Result<User> {
    let (user, primary) = match spec.user.split_once(':') {
        Some((user, primary)) => (user, Some(primary)),
        None => (spec.user.as_str(), None),
    };
    let account = match user {
        "" => Account::of_number(0, passwd),
        _ => match number(user)? {
            Some(uid) => Account::of_number(uid, passwd),
            None => Account::named(user, passwd)?,
        },
    };
    let gid = match primary {
        Some(primary) if !primary.is_empty() => group_id(primary, group)?,
        _ => account.gid,
    };
    let mut groups = vec![gid];
    // Docker: an explicit group replaces those that list the user as member.
    if primary.is_none() {
        groups.extend(memberships(&account.name, group));
    }
    for extra in &spec.groups {
        groups.push(group_id(extra, group)?);
    }
    let mut seen = std::collections::BTreeSet::new();
    groups.retain(|group| seen.insert(*group));
    Ok(User { uid: account.uid, gid, groups, home: account.home })
}

/// A line of `/etc/passwd`, or what stands for a missing one.
#[derive(Debug)]
struct Account {
    name: String,
    uid: u32,
    gid: u32,
    home: String,
}

impl Account {
    fn of_number(uid: u32, passwd: &str) -> Account {
        let found = Account::all(passwd).find(|account| account.uid == uid);
        found.unwrap_or_else(|| Account { name: String::new(), uid, gid: 0, home: "/".to_owned() })
    }

    fn named(name: &str, passwd: &str) -> Result<Account> {
        Account::all(passwd).find(|account| account.name == name).ok_or_else(|| {
            let message = format!("unable to find user {name}: no matching entries in passwd file");
            Error::new(Kind::Invalid, message)
        })
    }

    fn all(passwd: &str) -> impl Iterator<Item = Account> {
        passwd.lines().filter_map(|line| {
            let mut fields = line.trim().split(':');
            let name = fields.next().filter(|name| !name.is_empty())?.to_owned();
            let mut fields = fields.skip(1);
            let uid = number(fields.next()?).ok()??;
            let gid = number(fields.next()?).ok()??;
            let home = fields.nth(1).filter(|home| !home.is_empty()).unwrap_or("/").to_owned();
            Some(Account { name, uid, gid, home })
        })
    }
}

/// A group by name or number.
fn group_id(text: &str, group: &str) -> Result<u32> {
    if let Some(gid) = number(text)? {
        return Ok(gid);
    }
    let found = group.lines().find_map(|line| {
        let mut fields = line.trim().split(':');
        let named = fields.next() == Some(text);
        let gid = number(fields.nth(1)?).ok()??;
        named.then_some(gid)
    });
    found.ok_or_else(|| {
        let message = format!("unable to find group {text}: no matching entries in group file");
        Error::new(Kind::Invalid, message)
    })
}

/// The groups that list `name` as a member.
fn memberships<'a>(name: &'a str, group: &'a str) -> impl Iterator<Item = u32> + 'a {
    group.lines().filter(move |_| !name.is_empty()).filter_map(move |line| {
        let mut fields = line.trim().splitn(4, ':').skip(2);
        let gid = number(fields.next()?).ok()??;
        fields.next()?.split(',').any(|member| member == name).then_some(gid)
    })
}

/// A word that starts like a number must be one: `None` for a name.
fn number(text: &str) -> Result<Option<u32>> {
    let numeric = text.strip_prefix(['-', '+']).unwrap_or(text);
    if numeric.is_empty() || !numeric.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    let id = text.parse::<u64>().ok().filter(|id| *id <= MAX_ID && !text.starts_with('+'));
    match id {
        Some(id) => Ok(Some(id as u32)),
        None => {
            let message = format!("uids and gids must be in range 0-{MAX_ID}: {text}");
            Err(Error::new(Kind::Invalid, message))
        }
    }
}

/// A regular file's text; empty when there is none.
fn read(root: &Root, path: &str) -> Result<String> {
    // Looked at before it is opened: of a device that alone has effects, and here nobody may be in
    // the control group that forbids it.
    let found = root.open(Path::new(path), OFlags::PATH).and_then(|it| Ok(rustix::fs::fstat(it)?));
    if found.is_ok_and(|it| FileType::from_raw_mode(it.st_mode) != FileType::RegularFile) {
        return Err(Error::new(Kind::Invalid, format!("{path} of the image is not a file")));
    }
    // Not blocking: it might have become a FIFO.
    let file = match root.open(Path::new(path), OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)
    {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) => {
            return Ok(String::new());
        }
        result => result.context(|| format!("cannot open {path} of the image"))?,
    };
    let stat = rustix::fs::fstat(&file).map_err(std::io::Error::from);
    let stat = stat.context(|| format!("cannot look at {path} of the image"))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Error::new(Kind::Invalid, format!("{path} of the image is not a file")));
    }
    let mut bytes = Vec::new();
    let size = std::fs::File::from(file).take(MAX_FILE + 1).read_to_end(&mut bytes);
    let size = size.context(|| format!("cannot read {path} of the image"))?;
    if size as u64 > MAX_FILE {
        return Err(Error::new(Kind::Invalid, format!("{path} of the image is too large")));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
                          web:x:33:33:web:/var/www:/bin/sh\n\
                          1000:x:0:0::/evil:/bin/sh\n\
                          broken:x\n";
    const GROUP: &str = "root:x:0:\nweb:x:33:\nlog:x:4:web,other\nssl:x:99:other\n";

    fn user(text: &str, groups: &[&str]) -> Result<User> {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        look_up(&UserSpec { user: text.to_owned(), groups }, PASSWD, GROUP)
    }

    fn shown(text: &str, groups: &[&str]) -> String {
        match user(text, groups) {
            Ok(user) => {
                format!("{}:{} {:?} {}", user.uid, user.gid, user.groups, user.home)
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn names_come_from_the_image() {
        assert_eq!(shown("", &[]), "0:0 [0] /root");
        assert_eq!(shown("web", &[]), "33:33 [33, 4] /var/www");
        assert_eq!(shown("web:ssl", &[]), "33:99 [99] /var/www");
        assert_eq!(shown("33", &["ssl", "7"]), "33:33 [33, 4, 99, 7] /var/www");
        assert_eq!(shown("4242", &[]), "4242:0 [0] /");
        assert_eq!(shown("4242:17", &[]), "4242:17 [17] /");
    }

    #[test]
    fn what_is_not_there_is_said_as_docker_says_it() {
        assert_eq!(
            shown("nobody", &[]),
            "unable to find user nobody: no matching entries in passwd file"
        );
        assert_eq!(
            shown("web:x", &[]),
            "unable to find group x: no matching entries in group file"
        );
    }

    #[test]
    fn numbers_are_never_names_and_never_wrap() {
        assert_eq!(user("1000", &[]).unwrap().uid, 1000);
        for text in ["4294967295", "4294967296", "99999999999999999999", "-1", "+1", "0:-1"] {
            let error = user(text, &[]).unwrap_err().to_string();
            assert!(error.starts_with("uids and gids must be in range"), "{text}: {error}");
        }
        for text in [" 1", "0x1", "1 "] {
            let error = user(text, &[]).unwrap_err().to_string();
            assert!(error.starts_with("unable to find user"), "{text}: {error}");
        }
    }
}
