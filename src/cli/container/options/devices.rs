//! Devices of the host in a container.

use crate::base::{Error, Kind, Result};
use crate::compose::Service;
use crate::compose::model::{Device, DeviceCount, DeviceRequest};

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Devices")]
pub struct Devices {
    /// Give it a device of the host, as in `/dev/ttyUSB0` or `/dev/sda:/dev/xvda:r`
    #[arg(long, value_name = "DEVICE")]
    device: Vec<String>,

    /// Add a rule for devices, as in `c 1:3 mr`
    #[arg(long, value_name = "RULE")]
    device_cgroup_rule: Vec<String>,

    /// Give it GPUs: `all`, a number, or `device=0,1`
    #[arg(long, value_name = "GPUS")]
    gpus: Option<String>,
}

impl Devices {
    pub fn apply(&self, service: &mut Service) -> Result<()> {
        service.devices = self.device.iter().map(|text| device(text)).collect::<Result<_>>()?;
        service.device_cgroup_rules.clone_from(&self.device_cgroup_rule);
        service.gpus = self.gpus.iter().map(|text| gpus(text)).collect::<Result<_>>()?;
        Ok(())
    }
}

/// `SOURCE[:TARGET][:PERMISSIONS]`, or a CDI name.
fn device(text: &str) -> Result<Device> {
    let is_mode = |word: &str| !word.is_empty() && word.chars().all(|it| "rwm".contains(it));
    let (source, target, permissions) = match text.split(':').collect::<Vec<_>>()[..] {
        [source] => (source, source, "rwm"),
        [source, mode] if is_mode(mode) => (source, source, mode),
        [source, target] if target.starts_with('/') => (source, target, "rwm"),
        [source, target, mode] if target.starts_with('/') && is_mode(mode) => {
            (source, target, mode)
        }
        _ => {
            let error = Error::new(Kind::Invalid, format!("bad format for device: {text}"));
            return Err(error.hint("write SOURCE[:TARGET][:rwm]"));
        }
    };
    Ok(Device {
        source: source.to_owned(),
        target: target.to_owned(),
        permissions: permissions.to_owned(),
        ..Device::default()
    })
}

/// `all`, `2`, `device=0,1`, `count=2,driver=nvidia`; a value with commas stands in quotes.
fn gpus(text: &str) -> Result<DeviceRequest> {
    let invalid = || {
        Error::new(Kind::Invalid, format!("invalid value {text:?} for --gpus"))
            .hint("write all, a number, or device=0,1")
    };
    let count = |word: &str| match word {
        "all" | "-1" => Ok(DeviceCount::All),
        number => number.parse().map(DeviceCount::Number).map_err(|_| invalid()),
    };
    let mut request =
        DeviceRequest { capabilities: vec!["gpu".to_owned()], ..DeviceRequest::default() };
    let mut list: Option<&str> = None;
    for field in text.trim_matches('"').split(',') {
        match (field.split_once('='), list) {
            (Some(("count", value)), _) => request.count = Some(count(value)?),
            (Some(("driver", value)), _) => request.driver = Some(value.to_owned()),
            (Some(("device", value)), _) => {
                request.device_ids.push(value.to_owned());
                list = Some("device");
            }
            (Some(("capabilities", value)), _) => {
                request.capabilities.push(value.to_owned());
                list = Some("capabilities");
            }
            (None, Some("device")) => request.device_ids.push(field.to_owned()),
            (None, Some(_)) => request.capabilities.push(field.to_owned()),
            (None, None) => request.count = Some(count(field)?),
            _ => return Err(invalid()),
        }
    }
    if request.count.is_none() && request.device_ids.is_empty() {
        request.count = Some(DeviceCount::All);
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_up_to_three_parts() {
        let read = |text| device(text).map(|it| (it.source, it.target, it.permissions));
        let words = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(read("/dev/a").unwrap(), words("/dev/a", "/dev/a", "rwm"));
        assert_eq!(read("/dev/a:r").unwrap(), words("/dev/a", "/dev/a", "r"));
        assert_eq!(read("/dev/a:/dev/b").unwrap(), words("/dev/a", "/dev/b", "rwm"));
        assert_eq!(read("/dev/a:/dev/b:rw").unwrap(), words("/dev/a", "/dev/b", "rw"));
        assert!(read("/dev/a:/dev/b:x").is_err());
    }

    #[test]
    fn gpus_in_all_their_forms() {
        assert_eq!(gpus("all").unwrap().count, Some(DeviceCount::All));
        assert_eq!(gpus("2").unwrap().count, Some(DeviceCount::Number(2)));
        assert_eq!(gpus("\"device=0,2\"").unwrap().device_ids, ["0", "2"]);
        assert_eq!(gpus("capabilities=utility").unwrap().capabilities, ["gpu", "utility"]);
        assert!(gpus("some").is_err());
    }
}
