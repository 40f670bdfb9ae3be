//! Family A: the control connection is refused or never comes about.

use crate::family;

family! { A;
    A_1 = "A-1": "nothing is listening: the service is not running"
        evidence [
            "the connection is reset after one round trip",
            "other ports of the host answer (22, 80)",
            "from the server itself it is reset as well",
        ]
        user "the host is up but its file service is down: tell the administrator"
        admin "start the service and see why it stopped: `systemctl status` of wharf, vsftpd, \
            proftpd, pure-ftpd or sshd; `ss -ltnp` shows who listens; IIS: start \"Microsoft FTP \
            Service\" and the site";
    A_2 = "A-2": "the service listens on another port"
        evidence [
            "the connection is reset on the port that was asked for",
            "a greeting comes on another usual port (21, 22, 990, 2121, 2222)",
        ]
        user "use the port on which the greeting was found"
        admin "publish the port, or change it: wharf `--ftp`, vsftpd `listen_port`, ProFTPD `Port`, \
            Pure-FTPd `Bind`";
    A_3 = "A-3": "the service listens on a local or other address only"
        evidence [
            "the connection is reset from outside and works on the server itself",
            "`ss -ltn` shows 127.0.0.1 or one address that is not the one used",
        ]
        admin "listen on the address clients use: wharf `--listen`, vsftpd `listen_address`, ProFTPD \
            `DefaultAddress`, sshd `ListenAddress`";
    A_4 = "A-4": "the name has an IPv6 and an IPv4 address and only one of them is served"
        evidence [
            "one of the AAAA and A addresses resets or times out while the other connects",
        ]
        user "connect to the address family that works (`-4` or `-6`)"
        admin "listen on both, or remove the stale AAAA record; vsftpd takes `listen=YES` or \
            `listen_ipv6=YES`, not both in one copy";
    A_5 = "A-5": "a firewall refuses the connection"
        evidence [
            "refused, but faster than the host answers or with another TTL than the host's",
            "every port of the host is refused in the same way",
        ]
        user "ask the administrator to let your address in"
        admin "allow the client's address in ufw, firewalld or the cloud's security group";
    A_6 = "A-6": "a firewall or security group drops the connection"
        evidence [
            "connecting to the port times out",
            "ping or port 443 of the same host answers",
        ]
        user "ask the administrator to let your address in"
        admin "open the control port and the whole passive range";
    A_7 = "A-7": "your own network does not let FTP out"
        evidence [
            "port 21 times out for every FTP server, also for ones known to be up",
            "ports 22 and 443 of the same hosts answer",
        ]
        user "use SFTP, or another network"
        admin "offer port 990, port 2121 or SFTP as well";
    A_8 = "A-8": "this address has been banned"
        evidence [
            "it worked before and now refuses or times out from this address only",
            "from another network it works",
            "the text `Not allowed at this time` arrives instead of a greeting (OpenSSH penalties)",
        ]
        user "wait, or ask for the ban to be lifted; stop parallel retries and wrong passwords first"
        admin "lift the ban and raise the limits: fail2ban, SFTPGo defender, FileZilla Server \
            autoban, sshd `PerSourcePenaltyExemptList`; allow-list offices behind one address";
    A_9 = "A-9": "the connection is taken and closed at once: host access rules or start limits"
        evidence [
            "TCP connects and is closed without a greeting",
            "`421 Service not available.` (vsftpd with tcp_wrappers)",
            "`Not allowed at this time` (sshd MaxStartups)",
        ]
        admin "look at hosts.allow and hosts.deny; vsftpd `tcp_wrappers=NO`; sshd `MaxStartups`; the \
            fail2ban jail of sshd";
    A_10 = "A-10": "the machine behind a load balancer or port mapping is down"
        evidence [
            "TCP connects and is then closed or reset without a byte",
            "it works in only some of several tries",
        ]
        user "try again, and report it"
        admin "repair the health check or readiness probe; keep one client on one machine (session \
            affinity); look at the port mapping of the container";
    A_11 = "A-11": "the name leads to the wrong address"
        evidence [
            "the name does not exist (NXDOMAIN), or resolves to another address than expected",
            "a public name resolves to a private address",
            "resolvers inside and outside disagree",
        ]
        user "check the spelling of the host name"
        admin "correct the A and AAAA records and wait for their TTL; look at split-horizon zones";
    A_12 = "A-12": "a proxy or a captive portal stands in between"
        evidence [
            "HTTP or HTML bytes arrive on the FTP port",
            "connections to any address succeed, even to reserved ones",
        ]
        user "log in to the network's page, or set the proxy";
    A_13 = "A-13": "another protocol is spoken on this port"
        evidence [
            "the first bytes are not those of the protocol in the URL: `SSH-`, `220`, a TLS record, \
             `HTTP/`, `* OK`",
            "alert 120 (no_application_protocol): the client wanted `http/1.1` or `h2` over TLS",
        ]
        user "use the protocol that answers: `sftp://` for `SSH-`, `ftps://` for a TLS record, \
            `ftp://` for `220`";
    A_14 = "A-14": "this computer's own firewall or antivirus forbids the connection"
        evidence [
            "connecting fails at once with a local permission error (EACCES, EPERM, WSAEACCES)",
            "no packet leaves the machine",
        ]
        user "allow this program to connect in the local firewall or antivirus";
    A_15 = "A-15": "the server cannot take more connections: backlog full or out of descriptors"
        evidence [
            "TCP connects, then a long silence, under load only",
            "ProFTPD logs `unable to accept incoming connection`",
        ]
        user "try again a little later"
        admin "raise the limit of open files and the listen backlog";
}
