//! `--mount`: one mount as a list of fields.

use crate::base::path::stays_within;
use crate::base::{Error, Kind, Result};
use crate::compose::model::{
    BindOptions, ImageOptions, MountKind, Recursive, ServiceVolume, TmpfsOptions, VolumeOptions,
};
use crate::resource::VolumeSpec;

/// A mount, and the volume that must be made for it because it is not like others.
#[derive(Debug, Default)]
pub struct Mount {
    pub volume: ServiceVolume,
    pub special: Option<VolumeSpec>,
}

impl Mount {
    /// Reads `type=bind,source=/a,target=/b,readonly`; fields with a comma in them are quoted.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for an unknown field, a missing target, or a field of another type.
    pub fn parse(text: &str) -> Result<Mount> {
        let mut mount = Mount::default();
        for field in fields(text) {
            let (key, value) = match field.split_once('=') {
                Some((key, value)) => (key, Some(value)),
                None => (field.as_str(), None),
            };
            mount.set(&key.to_ascii_lowercase(), value, text)?;
        }
        mount.check(text)?;
        Ok(mount)
    }

    fn set(&mut self, key: &str, value: Option<&str>, text: &str) -> Result<()> {
        let invalid = || {
            let field = value.map_or(key.to_owned(), |value| format!("{key}={value}"));
            Error::new(Kind::Invalid, format!("invalid field '{field}' in --mount {text:?}"))
        };
        if let Some(on) = switch(value)
            && self.set_switch(key, on)
        {
            return Ok(());
        }
        let value = value.ok_or_else(invalid)?;
        let owned = || Some(value.to_owned());
        match key {
            "type" => self.volume.kind = kind(value).ok_or_else(invalid)?,
            "source" | "src" => self.volume.source = owned(),
            "target" | "dst" | "destination" => value.clone_into(&mut self.volume.target),
            "consistency" => self.volume.consistency = owned(),
            "bind-propagation" => self.bind().propagation = owned(),
            "bind-recursive" => self.bind().recursive = Some(recursive(value).ok_or_else(invalid)?),
            "volume-subpath" => self.volume().subpath = owned(),
            "volume-driver" => value.clone_into(&mut self.special().driver),
            "volume-label" => {
                let (name, value) = value.split_once('=').unwrap_or((value, ""));
                self.special().labels.insert(name.to_owned(), value.to_owned());
            }
            "volume-opt" => {
                let (name, value) = value.split_once('=').ok_or_else(invalid)?;
                self.special().driver_opts.insert(name.to_owned(), value.to_owned());
            }
            "tmpfs-size" => self.tmpfs().size = Some(value.parse()?),
            "tmpfs-mode" => {
                let mode = u32::from_str_radix(value, 8).map_err(|_| invalid())?;
                self.tmpfs().mode = Some(mode);
            }
            "image-subpath" => {
                self.volume.image.get_or_insert_with(ImageOptions::default).subpath = owned();
            }
            _ => return Err(invalid()),
        }
        Ok(())
    }

    /// Sets a field that is on or off; false if there is no such field.
    fn set_switch(&mut self, key: &str, on: bool) -> bool {
        match key {
            "readonly" | "ro" => self.volume.read_only = on,
            "volume-nocopy" => self.volume().nocopy = on,
            "bind-create-src" => self.bind().create_host_path = Some(on),
            "bind-nonrecursive" => self.bind().recursive = on.then_some(Recursive::Disabled),
            _ => return false,
        }
        true
    }

    fn bind(&mut self) -> &mut BindOptions {
        self.volume.bind.get_or_insert_with(BindOptions::default)
    }

    fn volume(&mut self) -> &mut VolumeOptions {
        self.volume.volume.get_or_insert_with(VolumeOptions::default)
    }

    fn tmpfs(&mut self) -> &mut TmpfsOptions {
        self.volume.tmpfs.get_or_insert_with(TmpfsOptions::default)
    }

    fn special(&mut self) -> &mut VolumeSpec {
        self.special.get_or_insert_with(VolumeSpec::default)
    }

    /// What all fields together must fulfil.
    fn check(&mut self, text: &str) -> Result<()> {
        let invalid = |why: String| Err(Error::new(Kind::Invalid, why).hint(text.to_owned()));
        let volume = &mut self.volume;
        if volume.target.is_empty() {
            return invalid("target is required".to_owned());
        }
        if !volume.target.starts_with('/') {
            return invalid(format!("mount path must be absolute: {:?}", volume.target));
        }
        let other = match volume.kind {
            MountKind::Bind => volume.volume.is_some() || volume.tmpfs.is_some(),
            MountKind::Tmpfs => volume.bind.is_some() || volume.volume.is_some(),
            _ => volume.bind.is_some() || volume.tmpfs.is_some(),
        };
        if other {
            let kind = format!("{:?}", volume.kind).to_lowercase();
            return invalid(format!("cannot mix options of other types with mount type '{kind}'"));
        }
        let subpaths = [
            volume.volume.as_ref().and_then(|it| it.subpath.as_deref()),
            volume.image.as_ref().and_then(|it| it.subpath.as_deref()),
        ];
        if let Some(path) = subpaths.into_iter().flatten().find(|path| !stays_within(path)) {
            // Docker: the same words.
            return invalid(format!("subpath must be a relative path within the volume: {path:?}"));
        }
        if let (MountKind::Tmpfs, Some(source)) = (volume.kind, &volume.source) {
            // Docker: nearly the same words.
            return invalid(format!(
                "invalid mount config for type \"tmpfs\": field Source must not be specified: \
                 {source:?}"
            ));
        }
        if volume.kind == MountKind::Bind {
            if !volume.source.as_ref().is_some_and(|source| source.starts_with('/')) {
                let source = volume.source.as_deref().unwrap_or_default();
                return invalid(format!("bind source must be an absolute path: {source:?}"));
            }
            // Docker: unlike with -v, a missing source is an error.
            volume
                .bind
                .get_or_insert_with(BindOptions::default)
                .create_host_path
                .get_or_insert(false);
        }
        if let Some(special) = &mut self.special {
            let Some(name) = &volume.source else {
                return invalid("a volume with options needs a source".to_owned());
            };
            special.name.clone_from(name);
        }
        Ok(())
    }
}

fn kind(word: &str) -> Option<MountKind> {
    Some(match word {
        "bind" => MountKind::Bind,
        "volume" => MountKind::Volume,
        "tmpfs" => MountKind::Tmpfs,
        "image" => MountKind::Image,
        _ => return None,
    })
}

fn recursive(word: &str) -> Option<Recursive> {
    Some(match word {
        "enabled" => Recursive::Enabled,
        "disabled" => Recursive::Disabled,
        "writable" => Recursive::Writable,
        "readonly" => Recursive::Readonly,
        _ => return None,
    })
}

/// A value that is on or off; none means on.
fn switch(value: Option<&str>) -> Option<bool> {
    match value {
        None | Some("true" | "1") => Some(true),
        Some("false" | "0") => Some(false),
        Some(_) => None,
    }
}

/// Fields between commas; one in double quotes may have commas in it, and quotes doubled (CSV).
fn fields(text: &str) -> Vec<String> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => field.extend(letters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            letter => field.push(letter),
        }
    }
    fields.push(field);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_its_fields() {
        let bind =
            Mount::parse("type=bind,src=/a,dst=/b,readonly,bind-propagation=rslave").unwrap();
        let bind = bind.volume;
        assert_eq!((bind.kind, bind.source.as_deref()), (MountKind::Bind, Some("/a")));
        assert!(bind.read_only);
        assert_eq!(bind.bind.unwrap().create_host_path, Some(false));

        let volume =
            Mount::parse("source=data,target=/d,volume-nocopy,\"volume-opt=o=a,b\"").unwrap();
        assert!(volume.volume.volume.unwrap().nocopy);
        assert_eq!(volume.special.unwrap().driver_opts["o"], "a,b");

        let tmpfs = Mount::parse("type=tmpfs,destination=/t,tmpfs-size=1m,tmpfs-mode=700").unwrap();
        assert_eq!(tmpfs.volume.tmpfs.unwrap().mode, Some(0o700));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, part) in [
            ("type=bind,src=/a", "target is required"),
            ("type=bind,src=a,dst=/b", "bind source must be an absolute path"),
            ("type=tmpfs,dst=/b,volume-nocopy", "cannot mix options of other types"),
            ("type=tmpfs,src=data,dst=/b", "field Source must not be specified"),
            ("type=door,dst=/b", "invalid field 'type=door'"),
            ("dst=/b,colour=red", "invalid field 'colour=red'"),
        ] {
            let error = Mount::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
