//! Family D: the data connection fails (425, 426, 522).

use crate::family;

family! { D;
    D_1 = "D-1": "the server tells its private address instead of its public one"
        evidence [
            "the address in 227 is private, loopback or 0.0.0.0 and not the control connection's",
            "the same port on the control connection's address works",
            "EPSV works",
        ]
        user "use EPSV, or the control connection's address (wharf does so by itself)"
        admin "wharf `--public-address`; vsftpd `pasv_address` (and `pasv_addr_resolve`); ProFTPD \
            `MasqueradeAddress`; Pure-FTPd `-P`; FileZilla Server: the public IP of passive mode; IIS: \
            External IP Address of Firewall";
    D_2 = "D-2": "the server tells its private address and its ports are not forwarded either"
        evidence [
            "the address in 227 is private",
            "the same port on the control connection's address, and EPSV, time out as well",
        ]
        user "try SFTP"
        admin "set the public address (see D-1), and forward exactly the passive range to the server";
    D_3 = "D-3": "the server's passive ports are closed by a firewall in front of it"
        evidence [
            "the control connection works and several passive ports of the same address time out",
            "PASV, EPSV and the control address fail in the same way",
        ]
        user "try SFTP, or active mode, or ask the server's administrator to open the passive range"
        admin "fix the range and open exactly it in the firewall, the security group and the NAT: wharf \
            `--passive-ports`; vsftpd `pasv_min_port`, `pasv_max_port`; ProFTPD `PassivePorts`; \
            Pure-FTPd `-p`; IIS Data Channel Port Range";
    D_4 = "D-4": "the data port resets: nobody listens there, or it is another machine"
        evidence ["the passive port resets on the told address, on the control address and by EPSV"]
        user "try again"
        admin "forward the range to the machine that serves the control connection; load balancers \
            need affinity";
    D_5 = "D-5": "a firewall that reads FTP cannot open the port, because of TLS"
        evidence [
            "listing works in clear and times out with TLS",
            "the greeting is `220 ****`, or AUTH is missing from FEAT: the dialogue is inspected",
        ]
        admin "turn the FTP inspection off for FTPS and open the passive range; FortiGate \
            `explicit-ftp-tls enable`; Windows Firewall `StatefulFTP disable`; wharf `tls.ccc = true` \
            lets clients end the encryption of the dialogue, so that the firewall can read it";
    D_5B = "D-5b": "a router rewrites the addresses in the dialogue"
        evidence [
            "the address in PORT or 227 differs between what was sent and what arrived outside",
        ]
        user "turn off the FTP helper (ALG) of the router";
    D_6 = "D-6": "EPSV is broken or blocked"
        evidence [
            "229 comes and its port times out, or the 229 cannot be read",
            "PASV to the same address works",
        ]
        user "use PASV for this server (wharf remembers it by itself)"
        admin "let the firewall understand EPSV, or update the server";
    D_7 = "D-7": "control and data connection come from different addresses"
        evidence [
            "`425 Security: Bad IP connecting.` (vsftpd)",
            "the server's log says that the data peer does not match the control peer",
        ]
        user "turn off multi-WAN, split VPN or per-connection proxies: both connections must leave by \
            the same address"
        admin "behind Docker use `--net=host` or `userland-proxy=false`; vsftpd `pasv_promiscuous=YES` \
            is a risk; SFTPGo `passive_connections_security`";
    D_8 = "D-8": "the server's passive ports are used up"
        evidence [
            "it fails now and then, under parallel load",
            "`425 All reserved TCP ports are busy` (Pure-FTPd)",
            "a port outside the range is told (ProFTPD)",
        ]
        user "use fewer connections"
        admin "widen the range to at least twice the number of clients: wharf `--passive-ports`";
    D_9 = "D-9": "active mode tells the server your private address"
        evidence [
            "`500 Illegal PORT command` (ProFTPD)",
            "`500 I won't open a connection to 192.168.… (only to …)` (Pure-FTPd)",
        ]
        user "use passive mode, or set your external address"
        admin "`AllowForeignAddress` is for FXP only and no remedy here";
    D_10 = "D-10": "in active mode your own firewall or NAT refuses the server's connection"
        evidence ["PORT gives 200, then 425 refused or timed out after the server's own timeout"]
        user "use passive mode";
    D_11 = "D-11": "the server may not open connections outwards"
        evidence [
            "in active mode every client gets 425 `Permission denied`, `Cannot assign requested \
             address` or a timeout",
        ]
        user "use passive mode"
        admin "let port 20 out; vsftpd `connect_from_port_20=NO`; SELinux \
            `ftpd_connect_all_unreserved`";
    D_12 = "D-12": "the active port is still in TIME_WAIT"
        evidence ["425 comes only when a port is used again shortly after"]
        user "take a new port for each transfer";
    D_13 = "D-13": "the server demands that the data connection resumes the TLS session"
        evidence [
            "150, then 425 `not resumed` (FileZilla Server), 522 (vsftpd) or 450 `does not match`",
            "522 `must resume the TLS session` (wharf), whose log has `data_not_resumed`",
            "the data connection's handshake completes and no data follows",
        ]
        user "use a client that resumes sessions; TLS 1.2 helps some, one transfer at a time others \
            (rclone); open a new control connection when the tickets run out"
        admin "wharf `tls.reuse = \"prefer\"`, better only for the clients that need it in \
            `tls.networks`; vsftpd `require_ssl_reuse=NO`; ProFTPD `TLSOptions NoSessionReuseRequired`; FileZilla \
            Server 1.x has no such switch";
    D_13B = "D-13b": "vsftpd blames session reuse for another TLS failure"
        evidence [
            "the client did offer the control session (a PSK in its ClientHello) and 522 came anyway",
            "a TLS alert was seen on the data connection",
        ]
        admin "read the TLS part of vsftpd's log, check certificate and ciphers: it appends the text \
            about session reuse to every failure";
    D_14 = "D-14": "the protection of the data connection is not the one the server demands"
        evidence [
            "`522 Data connections must be encrypted.` (vsftpd)",
            "521 with `PROT setting` (Pure-FTPd)",
            "534 `Policy requires SSL.` on STOR (IIS)",
        ]
        user "send PBSZ 0 and PROT P before the transfer"
        admin "wharf `server.data_tls = \"allowed\"` takes data in clear; better is to change the client";
    D_15 = "D-15": "data and control connection show different certificates"
        evidence ["the fingerprints of the two certificates differ"]
        user "stop: somebody may be in between, or a load balancer mixes machines"
        admin "put the same certificate on all machines";
    D_16 = "D-16": "PASV is refused, on IPv6 or at all"
        evidence [
            "`425 You cannot use PASV on IPv6 connections` (Pure-FTPd)",
            "502 or 550 after PASV",
        ]
        user "use EPSV, or active mode"
        admin "vsftpd `pasv_enable=YES`";
    D_17 = "D-17": "the server is distributed and wants PRET before PASV"
        evidence ["425 or 530 after PASV, and FEAT lists `PRET`"]
        user "send PRET with the coming command first";
    D_18 = "D-18": "the listing takes too long: reverse DNS on the server, or a huge folder"
        evidence [
            "the data connection is open, no byte comes, and the control connection is silent after 150",
        ]
        user "raise the timeout"
        admin "ProFTPD `UseReverseDNS off`";
    D_19 = "D-19": "client and server each wait for the other to begin"
        evidence [
            "227 came, STOR or LIST was sent, no reply follows, and the client never connected",
        ]
        user "let the client connect before it waits for 150";
    D_20 = "D-20": "the server runs too many transfers, or has no descriptors left"
        evidence ["`451 Too many transfers` (ProFTPD)"]
        user "run fewer transfers at a time"
        admin "ProFTPD `MaxTransfersPerHost`, `MaxTransfersPerUser`; the limit of open files";
}
