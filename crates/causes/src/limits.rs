//! Family E: too many connections, or a busy server (421).

use crate::family;

family! { E;
    E_1 = "E-1": "too many connections from this address"
        evidence [
            "the text names the IP or the \"internet address\", often with the number allowed",
        ]
        user "use fewer connections than the number told (wharf reads it by itself)"
        admin "wharf `limits.sessions_per_address`; vsftpd `max_per_ip`; Pure-FTPd `-C`; ProFTPD \
            `MaxClientsPerHost`";
    E_2 = "E-2": "too many connections of this user"
        evidence ["the text says `as the same user`, or 530 says `for this user`"]
        user "close the sessions of other devices"
        admin "wharf `--max-sessions` of the account; Pure-FTPd `-y`; ProFTPD `MaxClientsPerUser`";
    E_3 = "E-3": "the server has as many connections as it takes"
        evidence [
            "`421 There are too many connected users` (vsftpd)",
            "421 with `(the maximum)` and a number of users (Pure-FTPd)",
        ]
        user "try again, waiting longer each time"
        admin "wharf `limits.sessions`; vsftpd `max_clients`; Pure-FTPd `-c`; ProFTPD `MaxClients`";
    E_4 = "E-4": "sessions of an earlier run are still open"
        evidence [
            "the limit is reached though few connections are wanted",
            "this machine has more established connections to the host than it should; a crash left \
             them without QUIT",
        ]
        user "end the leftover programs, or wait for the server's idle timeout"
        admin "a shorter idle timeout frees them sooner";
    E_5 = "E-5": "others behind the same public address use up its connections"
        evidence ["the limit of the address is reached with no connection from this machine"]
        user "ask the administrator for a higher limit for your office's address"
        admin "allow more for addresses that many people share";
    E_6 = "E-6": "the server ended an idle session"
        evidence ["`421 Timeout.` or `Timeout (no operation …)` after a quiet time"]
        user "connect again, or send NOOP now and then"
        admin "wharf `timeouts.idle`; vsftpd `idle_session_timeout`; ProFTPD `TimeoutIdle`";
    E_7 = "E-7": "the server is shutting down or under maintenance"
        evidence [
            "`421 Service not available`",
            "`421 FTP server shutting down` with a reason",
        ]
        user "try again later"
        admin "remove the shutdown message (ProFTPD shutmsg) when the work is done";
    E_8 = "E-8": "TLS is mandatory and the session was in clear"
        evidence ["421 with `cleartext sessions` and `not accepted` (Pure-FTPd)"]
        user "use TLS (`ftpes://`)";
    E_9 = "E-9": "the TLS handshake failed, told as 421"
        evidence ["421 after 234, as `421 TLS handshake failed` (ProFTPD)"]
        user "see the causes of family F";
    E_10 = "E-10": "the server could not set up the session"
        evidence [
            "421 with `Home directory not available` or `Unable to switch capabilities` (Pure-FTPd)",
        ]
        admin "for the home folder see B-10; capabilities: the container or unit must allow the server \
            to change them";
}
