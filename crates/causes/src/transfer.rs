//! Family T: a transfer breaks, stalls, or does not fit.

use crate::family;

family! { T;
    T_1 = "T-1": "a NAT forgot the idle control connection during a long transfer"
        evidence [
            "the data connection ended in order on both sides and no 226 comes",
            "writing to the control connection resets or times out",
            "it happens to every transfer longer than some minutes",
        ]
        user "send NOOP or TCP keepalives; a file whose SIZE is equal is whole"
        admin "keepalives on the control connection; the idle timeout must count the data connection's \
            activity (ProFTPD `TimeoutIdle`)";
    T_2 = "T-2": "a stateful firewall drops the data connection"
        evidence ["transfers fail after the same elapsed time"]
        user "resume the transfer"
        admin "raise the firewall's timers for established connections";
    T_3 = "T-3": "the server gave up on a data connection that did not move"
        evidence [
            "`421 Data timeout. Reconnect. Sorry.` (vsftpd)",
            "426 after a stall",
        ]
        user "resume the transfer, from a faster line"
        admin "wharf `timeouts.stall`; vsftpd `data_connection_timeout`; ProFTPD `TimeoutStalled`";
    T_4 = "T-4": "the transfer ends at the same byte: a limit of size, or a content scanner"
        evidence ["transfers fail at the same offset"]
        user "split the file"
        admin "quota, ProFTPD `MaxStoreFileSize`, or the rules of the data-loss or virus scanner";
    T_5 = "T-5": "large packets are lost on the way (path MTU)"
        evidence [
            "small files work",
            "it stalls at the first burst of more than one segment, the same segment is sent again",
        ]
        user "set the MTU to 1400"
        admin "let ICMP type 3 code 4 through";
    T_6 = "T-6": "the server's disk is full"
        evidence [
            "452 or 552",
            "`451 Failure writing to local file.` (vsftpd)",
            "426 in the middle of an upload",
            "SFTP code 4 while statvfs shows nothing available",
            "AVBL or SITE DF, where offered, says 0",
        ]
        user "free space or use another folder, and resume later"
        admin "`df -h` and `df -i`";
    T_7 = "T-7": "the server's file system has no inodes left"
        evidence ["as a full disk, but statvfs shows free blocks and no free files"]
        admin "`df -i`; delete many small files";
    T_8 = "T-8": "the quota is used up"
        evidence [
            "the text has `quota` or `won't be saved` in it (Pure-FTPd)",
            "552 or 451 of mod_quotatab (ProFTPD)",
            "SITE QUOTA tells the figures",
        ]
        user "delete something, or ask for more"
        admin "ProFTPD quotatab; Pure-FTPd `-n`";
    T_9 = "T-9": "the server keeps a part of its disk free"
        evidence ["`552 Disk full - please upload later` with space left (Pure-FTPd)"]
        admin "Pure-FTPd `-k`, `MaxDiskUsage`";
    T_10 = "T-10": "the file is larger than the server takes"
        evidence ["the upload fails when it reaches the limit, whatever the file"]
        admin "ProFTPD `MaxStoreFileSize`";
    T_11 = "T-11": "the local disk is full or read-only"
        evidence ["writing here fails with ENOSPC, EDQUOT or EROFS"]
        user "free space, or write somewhere else";
    T_12 = "T-12": "the server scans the upload before it confirms"
        evidence ["a long silence after the last byte, then 226; clients with a fixed limit give up"]
        user "raise the timeout for replies"
        admin "scan after the reply";
    T_13 = "T-13": "ASCII mode changed the file"
        evidence [
            "the sizes differ by the number of lines",
            "REST is refused in ASCII mode",
        ]
        user "use binary mode"
        admin "ASCII conversion for downloads off";
    T_14 = "T-14": "an upload was cut short and confirmed all the same"
        evidence ["226 came and SIZE is smaller than the local file"]
        user "send the file again"
        admin "see F-12";
    T_15 = "T-15": "slow because the window is small for this distance"
        evidence ["the rate is about the window divided by the round trip time"]
        user "more connections, or a larger window"
        admin "larger socket buffers";
    T_16 = "T-16": "the line is congested or limited in rate"
        evidence [
            "packets are lost",
            "the rate is the same for one and for several connections together",
        ]
        user "lower the rate";
}
