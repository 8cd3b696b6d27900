//! A terminal in which a command runs, as a person sees it.

use std::io::{Read, Write};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use pty_process::Size;
use pty_process::blocking::{self, Pty};

use super::until;

/// The command, and what it has printed so far.
pub struct Terminal {
    pty: Arc<Pty>,
    child: Child,
    printed: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Runs a command in a terminal of 24 lines and so many columns.
    pub fn run(mut command: Command, columns: u16) -> Self {
        let (pty, pts) = blocking::open().unwrap();
        pty.resize(Size::new(24, columns)).unwrap();
        command.env("TERM", "xterm");
        let child = blocking::Command::from(command).spawn(pts).unwrap();
        let (pty, printed) = (Arc::new(pty), Arc::new(Mutex::new(Vec::new())));
        let (reader, sink) = (Arc::clone(&pty), Arc::clone(&printed));
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            // A terminal without a program is an error to read from.
            while let Ok(count @ 1..) = (&*reader).read(&mut piece) {
                sink.lock().unwrap().extend_from_slice(&piece[..count]);
            }
        });
        Self { pty, child, printed }
    }

    /// Types.
    pub fn type_in(&self, text: &str) {
        (&*self.pty).write_all(text.as_bytes()).unwrap();
    }

    /// Gives it another size, in lines and columns.
    pub fn resize(&self, lines: u16, columns: u16) {
        self.pty.resize(Size::new(lines, columns)).unwrap();
    }

    /// All that was printed so far.
    pub fn printed(&self) -> String {
        String::from_utf8_lossy(&self.printed.lock().unwrap()).into_owned()
    }

    /// Waits until a text was printed.
    pub fn shows(&self, text: &str) {
        until(&format!("{text:?} was printed"), || self.printed().contains(text));
    }

    /// Waits for the end of the command; gives back its exit code.
    pub fn ends(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
