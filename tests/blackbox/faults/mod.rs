//! What goes wrong in real life: power, lines, disks, people and signals.

mod cuts;
mod during;
mod kills;
mod limits;
mod live;
mod sftp;
mod signals;
mod tls;
mod writers;
