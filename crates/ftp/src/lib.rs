//! The FTP language: commands, replies, listings, addresses and the server dialogue, without IO
