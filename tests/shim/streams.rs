//! Output, input, terminals, commands.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use compose::base::Kind;
use compose::resource::log::LogOptions;
use compose::resource::process::{ExecSpec, TerminalSize};
use compose::shim::client::{self, Client, Exec, Received};
use compose::shim::log::Reader;
use compose::shim::protocol::{Frame, Reply, Request};

use crate::container::{Container, read_all, spec};

/// Everything that comes on an attached connection: output, errors, exit code.
fn listen(client: &Client) -> (String, String, Option<i32>) {
    let (mut output, mut error, mut code) = (Vec::new(), Vec::new(), None);
    loop {
        match client.receive_frame().unwrap() {
            Received::Output(bytes) => output.extend(bytes),
            Received::Error(bytes) => error.extend(bytes),
            Received::Exit(exit) => code = Some(exit),
            Received::Closed => break,
        }
    }
    (String::from_utf8(output).unwrap(), String::from_utf8(error).unwrap(), code)
}

#[test]
fn whoever_starts_it_attached_misses_nothing() {
    let container = Container::create(&spec("echo first; echo second >&2; exit 4"));
    let (client, theirs) = client::attachment(false).unwrap();
    container.start_attached(Some(theirs)).unwrap();
    assert_eq!(listen(&client), ("first\n".to_owned(), "second\n".to_owned(), Some(4)));
}

#[test]
fn input_goes_in_and_its_end_is_the_end() {
    let mut reading = spec("cat; echo done");
    reading.process.stdin_open = true;
    let container = Container::create(&reading);
    let (client, theirs) = client::attachment(true).unwrap();
    container.start_attached(Some(theirs)).unwrap();
    let text = "typed line\n".repeat(60_000);
    let (listener, speaker) = (&client, &client);
    let heard = std::thread::scope(|scope| {
        let heard = scope.spawn(move || listen(listener));
        speaker.send_frame(Frame::Data, text.as_bytes()).unwrap();
        speaker.send_frame(Frame::End, b"").unwrap();
        heard.join().unwrap()
    });
    assert_eq!(heard.0.len(), text.len() + 5);
    assert_eq!(heard.2, Some(0));
}

#[test]
fn a_slow_client_of_run_loses_nothing_while_others_go_on() {
    let container = Container::create(&spec("seq 400000"));
    let (client, theirs) = client::attachment(false).unwrap();
    container.start_attached(Some(theirs)).unwrap();
    // The container waits for this client: its output is larger than all buffers together.
    assert!(client::status(&container.dir).is_ok());
    let (output, _, code) = listen(&client);
    assert_eq!(output.lines().count(), 400_000);
    assert_eq!(code, Some(0));
    container.end();
    assert_eq!(container.log(), output);
}

#[test]
fn following_the_log_sees_the_last_line_without_newline() {
    let mut limited = spec("seq 20000; printf last");
    limited.log.options.insert("max-size".to_owned(), "200k".to_owned());
    limited.log.options.insert("max-file".to_owned(), "100".to_owned());
    let container = Container::create(&limited);
    container.start().unwrap();
    let mut text = String::new();
    let mut reader = Reader::open(&container.dir, LogOptions::default()).unwrap();
    if let Ok(watch) = client::watch(&container.dir) {
        while let Some((reply, _)) = watch.receive().unwrap() {
            if reply == Reply::Output {
                text += &read_all(&mut reader);
            }
        }
    }
    text += &read_all(&mut reader);
    assert_eq!(text.lines().count(), 20_001);
    assert!(text.ends_with("20000\nlast"));
    assert!(container.dir.rotated_log(1, false).exists());
}

#[test]
fn old_files_are_compressed_and_read_all_the_same() {
    let mut limited = spec("seq 40000");
    for (key, value) in [("max-size", "500k"), ("max-file", "100"), ("compress", "true")] {
        limited.log.options.insert(key.to_owned(), value.to_owned());
    }
    let container = Container::create(&limited);
    container.start().unwrap();
    container.end();
    let log = container.log();
    assert_eq!(log.lines().count(), 40_000);
    assert!(log.starts_with("1\n2\n") && log.ends_with("\n40000\n"));
    // By a process that need not be done when the container is.
    let compressed = || {
        let files = std::fs::read_dir(container.dir.log_dir()).unwrap().flatten();
        files.map(|file| file.file_name()).any(|name| name.to_str().unwrap().ends_with(".gz"))
    };
    let end = Instant::now() + Duration::from_secs(60);
    while !compressed() {
        assert!(Instant::now() < end, "no file is compressed");
        std::thread::yield_now();
    }
    assert_eq!(container.log(), log);
}

#[test]
fn a_terminal_merges_the_streams_and_has_a_size() {
    let mut terminal = spec("stty size; echo error >&2; read line; echo got $line");
    terminal.process.tty = true;
    let container = Container::create(&terminal);
    let (client, theirs) = client::attachment(true).unwrap();
    client.send_size(TerminalSize { rows: 33, columns: 99 }).unwrap();
    container.start_attached(Some(theirs)).unwrap();
    client.send_frame(Frame::Data, b"hi\r").unwrap();
    let (output, error, code) = listen(&client);
    assert!(output.contains("33 99\r\n"), "{output:?}");
    assert!(output.contains("error\r\n") && output.contains("got hi\r\n"), "{output:?}");
    assert_eq!((error.as_str(), code), ("", Some(0)));
}

/// Runs a command in the container with pipes; returns its output and exit code.
fn exec(container: &Container, spec: &ExecSpec) -> (String, i32) {
    let (reader, writer) = std::io::pipe().unwrap();
    let null = File::open("/dev/null").unwrap();
    let exec =
        client::exec(&container.dir, spec, None, &[null.as_fd(), writer.as_fd(), writer.as_fd()]);
    let Exec { client, .. } = exec.unwrap();
    drop(writer);
    let mut output = String::new();
    File::from(OwnedFd::from(reader)).read_to_string(&mut output).unwrap();
    match client.reply().unwrap().0 {
        Reply::Exited { code } => (output, code),
        reply => panic!("not the end: {reply:?}"),
    }
}

fn command(argv: &[&str]) -> ExecSpec {
    ExecSpec { argv: argv.iter().map(|word| (*word).to_owned()).collect(), ..ExecSpec::default() }
}

#[test]
fn a_command_runs_inside_with_pipes_or_a_terminal() {
    let container = Container::create(&spec("exec sleep 1000"));
    container.start().unwrap();
    let mut greet = command(&["sh", "-c", "echo hello $WHO; exit 5"]);
    greet.env = vec!["WHO=you".to_owned()];
    assert_eq!(exec(&container, &greet), ("hello you\n".to_owned(), 5));
    assert_eq!(exec(&container, &command(&["sh", "-c", "kill -9 $$"])).1, 137);

    let mut terminal = command(&["sh", "-c", "stty size; echo $TERM; read x"]);
    terminal.tty = true;
    let size = Some(TerminalSize { rows: 11, columns: 22 });
    let Exec { client, terminal, .. } = client::exec(&container.dir, &terminal, size, &[]).unwrap();
    let mut master = File::from(terminal.expect("a terminal was asked for"));
    // What is typed is echoed wherever the output is by then, so nothing is typed before its end.
    let wanted = b"11 22\r\nxterm\r\n";
    let mut output = vec![0; wanted.len()];
    master.read_exact(&mut output).unwrap();
    assert_eq!(output, wanted, "{}", output.escape_ascii());
    master.write_all(b"\r").unwrap();
    // EIO tells that the last process of the terminal is gone.
    let _ = master.read_to_end(&mut output);
    assert_eq!(client.reply().unwrap().0, Reply::Exited { code: 0 });

    let error = client::exec(&container.dir, &command(&["nope"]), size, &[]).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid, "without descriptors: {error}");
    let null = File::open("/dev/null").unwrap();
    let fds = [null.as_fd(); 3];
    let error = client::exec(&container.dir, &command(&["nope"]), None, &fds).unwrap_err();
    assert_eq!(error.kind(), Kind::NoSuchProgram, "{error}");
    container.kill();
}

#[test]
fn a_second_attached_client_hears_what_comes_from_then_on() {
    let mut reading = spec("cat");
    reading.process.stdin_open = true;
    let container = Container::create(&reading);
    container.start().unwrap();
    let first = client::attach(&container.dir, true).unwrap();
    let second = client::attach(&container.dir, false).unwrap();
    // Requests are served in their order, so both are attached when this is answered.
    client::status(&container.dir).unwrap();
    first.send_frame(Frame::Data, b"shared\n").unwrap();
    for client in [&first, &second] {
        assert_eq!(client.receive_frame().unwrap(), Received::Output(b"shared\n".to_vec()));
    }
    drop(second);
    // It was started without anybody: its input is open for the next who attaches.
    first.send_frame(Frame::End, b"").unwrap();
    client::status(&container.dir).unwrap();
    let third = client::attach(&container.dir, true).unwrap();
    third.send_frame(Frame::Data, b"later\n").unwrap();
    assert_eq!(third.receive_frame().unwrap(), Received::Output(b"later\n".to_vec()));
    container.kill();
}

#[test]
fn requests_that_make_no_sense_are_refused_and_do_no_harm() {
    let container = Container::create(&spec("exec sleep 1000"));
    container.start().unwrap();
    assert_eq!(container.request(&Request::Resume).unwrap_err().kind(), Kind::Conflict);
    let signal = Some("SIGNOPE".to_owned());
    let stop = Request::Stop { signal, grace_ms: None, keep: false };
    assert_eq!(container.request(&stop).unwrap_err().kind(), Kind::Invalid);
    let huge = command(&["x".repeat(70_000).as_str()]);
    let error = client::exec(&container.dir, &huge, None, &[]).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    client::status(&container.dir).unwrap();
    container.kill();
}
