//! `system enable`: containers come back after a boot.

use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::base::{self, Context as _, Error, Kind};
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;

/// Name of the unit.
const UNIT: &str = "compose-restore.service";

/// Where systemd looks for units of this machine (systemd.unit(5)).
const UNITS: &str = "/etc/systemd/system";

/// The target that wants it.
const WANTS: &str = "multi-user.target.wants";

/// Where systemd says that it runs (sd_booted(3)).
const BOOTED: &str = "/run/systemd/system";

/// Have containers come back after a boot
///
/// Writes one systemd unit that runs `compose system restore` once at boot, and `compose system
/// stop` at a shutdown. Where there is no systemd, it says what to do instead.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose system enable
  compose system enable --remove      And no longer")]
pub struct Enable {
    /// Take the unit away again
    #[arg(long)]
    remove: bool,

    /// Directory of systemd's units
    #[arg(long, value_name = "DIRECTORY", default_value = UNITS)]
    units: PathBuf,
}

/// Have containers no longer come back after a boot
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose system disable")]
pub struct Disable {
    /// Directory of systemd's units
    #[arg(long, value_name = "DIRECTORY", default_value = UNITS)]
    units: PathBuf,
}

impl Disable {
    /// Removes the unit.
    pub fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        Enable { remove: true, units: self.units }.run(cx)
    }
}

impl Enable {
    /// Writes the unit, or removes it.
    pub fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let units = cx.directory().join(&self.units);
        let (unit, link) = (units.join(UNIT), units.join(WANTS).join(UNIT));
        if self.remove {
            remove(&link)?;
            remove(&unit)?;
            cx.output().print_line(format!("Removed {}", unit.display()))?;
            return Ok(Exit::Success);
        }
        let own = std::env::current_exe().context(|| "cannot find this program".to_owned())?;
        // Another directory may be of a system that is being made.
        let idle = self.units == Path::new(UNITS) && !Path::new(BOOTED).is_dir();
        if idle || !units.is_dir() {
            let missing = if idle { Path::new(BOOTED) } else { &units };
            let message = format!("there is no systemd here: {} is missing", missing.display());
            return Err(Error::new(Kind::NotFound, message)
                .hint(format!("have your init run `{} system restore` once at boot", own.display()))
                .hint(format!("with cron: @reboot {} system restore", own.display()))
                .into());
        }
        write(&unit, &text(&own))?;
        let wants = units.join(WANTS);
        let made = std::fs::create_dir_all(&wants);
        made.context(|| format!("cannot make {}", wants.display()))?;
        remove(&link)?;
        let made = symlink(Path::new("..").join(UNIT), &link);
        made.context(|| format!("cannot make {}", link.display()))?;
        cx.output().print_line(format!("Wrote {}", unit.display()))?;
        let now =
            "it acts from the next boot on; this boot's shutdown stops containers cleanly after";
        cx.output().say_line(format!("{now} systemctl start {UNIT}"))?;
        Ok(Exit::Success)
    }
}

/// The unit: once, after network and volumes are there, and what flushes the rules of others. At a
/// shutdown the other way round. Each container has its own time to end, so the unit has none.
fn text(program: &Path) -> String {
    format!(
        "\
[Unit]
Description=Start containers by their restart policies
After=network-online.target local-fs.target remote-fs.target
After=nftables.service firewalld.service ufw.service
Wants=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={0} system restore
ExecStop={0} system stop
TimeoutStopSec=infinity

[Install]
WantedBy=multi-user.target
",
        program.display()
    )
}

fn write(path: &Path, text: &str) -> base::Result<()> {
    std::fs::write(path, text).context(|| format!("cannot write {}", path.display()))
}

fn remove(path: &Path) -> base::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
