//! A parsed Dockerfile as text: what tests compare, and a canonical form of each instruction.

use std::fmt::Write as _;

use super::{
    Command, Copy, Dockerfile, Heredoc, Instruction, Mount, MountKind, Run, RunNetwork, Sharing,
};

/// All of it, one instruction a line.
#[must_use]
pub fn dockerfile(file: &Dockerfile) -> String {
    let mut out = String::new();
    let directives = &file.directives;
    for (name, value) in [("syntax", &directives.syntax), ("check", &directives.check)] {
        if let Some(value) = value {
            let _ = writeln!(out, "# {name}={value}");
        }
    }
    if directives.escape != '\\' {
        let _ = writeln!(out, "# escape={}", directives.escape);
    }
    if !file.globals.is_empty() {
        let _ = writeln!(out, "{}", instruction(&Instruction::Arg(file.globals.clone())));
    }
    for stage in &file.stages {
        let platform = stage.platform.as_ref().map(|it| format!(" platform={:?}", it.text));
        let name = stage.name.as_ref().map(|it| format!(" name={:?}", it.text));
        let (platform, name) = (platform.unwrap_or_default(), name.unwrap_or_default());
        let _ = writeln!(out, "FROM {:?}{platform}{name}", stage.base.text);
        for step in &stage.steps {
            let _ = writeln!(out, "  {}", instruction(&step.instruction));
        }
    }
    out
}

/// One instruction. Two that mean different things have different texts.
#[must_use]
pub fn instruction(it: &Instruction) -> String {
    let words = |words: &[super::Word]| {
        words.iter().map(|word| format!(" {:?}", word.text)).collect::<String>()
    };
    let pairs = |pairs: &[(super::Word, super::Word)]| {
        let each = |(name, value): &(super::Word, super::Word)| {
            format!(" {:?}={:?}", name.text, value.text)
        };
        pairs.iter().map(each).collect::<String>()
    };
    match it {
        Instruction::Copy(copy) => self::copy(copy),
        Instruction::Arg(list) => list.iter().fold("ARG".to_owned(), |text, it| {
            let default = it.default.as_ref().map(|word| format!("={:?}", word.text));
            format!("{text} {:?}{}", it.name.text, default.unwrap_or_default())
        }),
        Instruction::Cmd(it) => format!("CMD {}", command(it)),
        Instruction::Entrypoint(it) => format!("ENTRYPOINT {}", command(it)),
        Instruction::Env(list) => format!("ENV{}", pairs(list)),
        Instruction::Expose(list) => format!("EXPOSE{}", words(list)),
        Instruction::Healthcheck(None) => "HEALTHCHECK none".to_owned(),
        Instruction::Healthcheck(Some(it)) => {
            let mut text = "HEALTHCHECK".to_owned();
            for (name, time) in [
                ("interval", it.interval),
                ("timeout", it.timeout),
                ("start-period", it.start_period),
                ("start-interval", it.start_interval),
            ] {
                text += &time.map(|time| format!(" {name}={time:?}")).unwrap_or_default();
            }
            text += &it.retries.map(|count| format!(" retries={count}")).unwrap_or_default();
            format!("{text} {}", command(&it.command))
        }
        Instruction::Label(list) => format!("LABEL{}", pairs(list)),
        Instruction::Maintainer(name) => format!("MAINTAINER {name:?}"),
        Instruction::OnBuild(text) => format!("ONBUILD {text:?}"),
        Instruction::Run(run) => self::run(run),
        Instruction::Shell(list) => format!("SHELL {list:?}"),
        Instruction::StopSignal(word) => format!("STOPSIGNAL {:?}", word.text),
        Instruction::User(word) => format!("USER {:?}", word.text),
        Instruction::Volume(list) => format!("VOLUME{}", words(list)),
        Instruction::WorkDir(word) => format!("WORKDIR {:?}", word.text),
    }
}

fn command(command: &Command) -> String {
    match command {
        Command::Shell(line) => format!("shell {line:?}"),
        Command::Exec(words) => format!("exec {words:?}"),
    }
}

fn heredocs(list: &[Heredoc]) -> String {
    let each = |it: &Heredoc| {
        let expand = if it.expand { "" } else { " literal" };
        let descriptor = it.descriptor.map(|number| format!(" {number}")).unwrap_or_default();
        format!(" <<{:?}{expand}{descriptor} {:?}", it.name, it.body())
    };
    list.iter().map(each).collect()
}

fn run(run: &Run) -> String {
    let mounts: String = run.mounts.iter().map(mount).collect();
    let network = match run.network {
        None => "",
        Some(RunNetwork::Default) => " network=default",
        Some(RunNetwork::None) => " network=none",
        Some(RunNetwork::Host) => " network=host",
    };
    let insecure = if run.insecure { " insecure" } else { "" };
    format!("RUN{mounts}{network}{insecure} {}{}", command(&run.command), heredocs(&run.heredocs))
}

fn mount(mount: &Mount) -> String {
    let mut text = format!(" mount[{}", mount.kind.as_str());
    for (name, value) in [
        ("target", &mount.target),
        ("source", &mount.source),
        ("from", &mount.from),
        ("id", &mount.id),
        ("env", &mount.env),
    ] {
        text += &value.as_ref().map(|value| format!(" {name}={value:?}")).unwrap_or_default();
    }
    text += match (mount.read_only, mount.kind) {
        (Some(true), _) => " ro",
        (Some(false), _) => " rw",
        (None, _) => "",
    };
    text += match mount.sharing {
        Sharing::Shared => "",
        Sharing::Private => " private",
        Sharing::Locked => " locked",
    };
    if mount.required && mount.kind != MountKind::Bind {
        text += " required";
    }
    text += &mount.mode.map(|mode| format!(" mode={mode:o}")).unwrap_or_default();
    for (name, number) in
        [("uid", mount.uid.map(u64::from)), ("gid", mount.gid.map(u64::from)), ("size", mount.size)]
    {
        text += &number.map(|number| format!(" {name}={number}")).unwrap_or_default();
    }
    text + "]"
}

fn copy(copy: &Copy) -> String {
    let mut text = if copy.add { "ADD" } else { "COPY" }.to_owned();
    for (name, value) in [
        ("from", &copy.from),
        ("chown", &copy.chown),
        ("chmod", &copy.chmod),
        ("checksum", &copy.checksum),
    ] {
        text += &value.as_ref().map(|it| format!(" {name}={:?}", it.text)).unwrap_or_default();
    }
    for (name, set) in [
        ("link", copy.link),
        ("parents", copy.parents),
        ("keep-git-dir", copy.keep_git_dir),
        ("unpack", copy.unpack == Some(true)),
        ("no-unpack", copy.unpack == Some(false)),
    ] {
        if set {
            text += &format!(" {name}");
        }
    }
    for pattern in &copy.exclude {
        text += &format!(" exclude={:?}", pattern.text);
    }
    for source in &copy.sources {
        text += &format!(" {:?}", source.text);
    }
    text += &heredocs(&copy.inline);
    format!("{text} -> {:?}", copy.destination.text)
}
