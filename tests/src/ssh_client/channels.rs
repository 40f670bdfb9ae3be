//! Channels (RFC 4254).

use wharf_ssh::encoding::Reader;

use super::{Ended, SshClient, channel_open, exec, subsystem};

impl SshClient {
    /// Asks for a channel, and gives the answer: the server's number of it, or the failure's code.
    ///
    /// # Errors
    /// How the connection ended.
    ///
    /// # Panics
    /// When the answer is none.
    pub fn open_channel(&mut self, window: u32, packet: u32) -> Result<Result<u32, u32>, Ended> {
        let mine = self.channels;
        self.channels += 1;
        self.try_send(&channel_open(b"session", mine, window, packet))?;
        loop {
            let message = self.reply()?;
            let mut reader = Reader::new(&message);
            let number = reader.byte().expect("a message");
            if !matches!(number, 91 | 92) {
                continue;
            }
            if reader.u32() != Ok(mine) {
                continue;
            }
            let value = reader.u32().expect("its number or the code");
            return Ok(if number == 91 { Ok(value) } else { Err(value) });
        }
    }

    /// Asks for a subsystem on a channel; whether it was granted.
    ///
    /// # Errors
    /// How the connection ended.
    pub fn subsystem(&mut self, channel: u32, name: &[u8]) -> Result<bool, Ended> {
        self.try_send(&subsystem(channel, name))?;
        self.granted()
    }

    /// Asks for a command on a channel; whether it was granted.
    ///
    /// # Errors
    /// How the connection ended.
    pub fn exec(&mut self, channel: u32, command: &[u8]) -> Result<bool, Ended> {
        self.try_send(&exec(channel, command))?;
        self.granted()
    }

    fn granted(&mut self) -> Result<bool, Ended> {
        loop {
            let message = self.reply()?;
            match message.first() {
                Some(99) => return Ok(true),
                Some(100) => return Ok(false),
                _ => {}
            }
        }
    }
}
