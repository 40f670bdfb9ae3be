//! Family B: the login is refused.

use crate::family;

family! { B;
    B_1 = "B-1": "the user name or the password is wrong"
        evidence [
            "331, then `530 Login incorrect` or `530 Login authentication failed`",
            "a made-up user name is refused after the same delay",
        ]
        user "check name and password: capitals, and spaces at the beginning or end";
    B_2 = "B-2": "too many sessions, told as a failed login"
        evidence ["530 with `maximum number of` clients, users or connections in its text (ProFTPD)"]
        user "close other sessions and use one connection at a time"
        admin "ProFTPD `MaxClientsPerUser`, `MaxClientsPerHost`";
    B_3 = "B-3": "the server wants TLS before the login"
        evidence [
            "530 with `must use encryption` (vsftpd)",
            "421 with `cleartext sessions` (Pure-FTPd)",
            "534 `Policy requires SSL.` (IIS)",
            "550 `SSL/TLS required on the control channel` (ProFTPD), 503 or 522",
        ]
        user "switch to explicit TLS (`ftpes://`)"
        admin "wharf `server.plaintext = \"loopback\"` or `\"allow\"` takes passwords in clear: whoever \
            can see the network reads them";
    B_4 = "B-4": "TLS is not allowed for anonymous sessions"
        evidence ["`Anonymous sessions may not use encryption.` (vsftpd)"]
        user "use a plain connection for the anonymous login"
        admin "vsftpd `allow_anon_ssl=YES`";
    B_5 = "B-5": "the account's shell is not in /etc/shells"
        evidence [
            "the password works over SSH and gives 530 over FTP",
            "a made-up user name is refused after the same delay",
            "the server's log names `pam_shells`",
        ]
        admin "add the shell to /etc/shells, or drop the `pam_shells` line of the PAM service; \
            ProFTPD `RequireValidShell off`";
    B_6 = "B-6": "a list of users keeps this one out"
        evidence ["530 comes directly after USER, before any password (vsftpd `530 Permission denied.`)"]
        admin "vsftpd `userlist_enable` and `userlist_deny`; /etc/ftpusers; ProFTPD `UseFtpUsers`, \
            `AllowUser`; wharf's log has it for an account that may not come from this address: \
            `user change --networks`";
    B_7 = "B-7": "the server takes no local accounts, only anonymous"
        evidence [
            "`530 This FTP server is anonymous only.` (vsftpd)",
            "Pure-FTPd says that only anonymous logins are taken",
        ]
        admin "vsftpd `local_enable=YES`; Pure-FTPd without `-e`";
    B_8 = "B-8": "anonymous logins are not allowed"
        evidence ["530 with `private system - No anonymous login`"]
        user "give a user name"
        admin "wharf `--anonymous`; vsftpd `anonymous_enable`";
    B_9 = "B-9": "the account's user id is too low, or it is root"
        evidence [
            "`530 Sorry, but I can't trust you` (Pure-FTPd MinUID)",
            "root is refused and other accounts are not",
        ]
        user "log in as another user"
        admin "Pure-FTPd `-u`; ProFTPD `RootLogin`";
    B_10 = "B-10": "the home folder is missing or cannot be entered"
        evidence [
            "`421 Home directory not available` (Pure-FTPd)",
            "530 with `home directory inaccessible` (IIS)",
            "`500 OOPS: cannot change directory:/home/…` (vsftpd)",
            "the log says `chroot to directory failed` (ProFTPD)",
        ]
        admin "create the folder and give the account the right to enter every folder above it; IIS: \
            the physical path of the user isolation and its ACL; Pure-FTPd `-j`; ProFTPD \
            `CreateHome`; SELinux `ftp_home_dir`; wharf `user show NAME` names the home";
    B_11 = "B-11": "vsftpd refuses a login root that the user may write to"
        evidence [
            "`500 OOPS: vsftpd: refusing to run with writable root inside chroot()` right after PASS",
            "inside TLS the client sees a TLS error instead: the text comes in clear",
        ]
        admin "`allow_writeable_chroot=YES`, or a root owned by root with a writable folder in it";
    B_12 = "B-12": "the account is locked, expired, disabled or must change its password"
        evidence [
            "530 with a text that differs from the one for a wrong password",
            "the server's log or PAM names the reason (IIS: the substatus)",
        ]
        admin "wharf `user enable NAME`; `passwd -u`; `chage -l`";
    B_13 = "B-13": "the PAM service file is missing or names a missing module"
        evidence [
            "every user gets 530",
            "the log says `PAM unable to dlopen` or names an unknown service",
        ]
        admin "vsftpd `pam_service_name=vsftpd` and the file of that name in /etc/pam.d";
    B_14 = "B-14": "the system that checks passwords cannot be reached"
        evidence [
            "530 or 421 comes slowly, after a backend's timeout",
            "`The SQL server seems to be down` (Pure-FTPd)",
            "the log says `mod_sql: unrecoverable backend error` (ProFTPD)",
        ]
        user "try again later"
        admin "bring back the database, LDAP or RADIUS server behind the logins";
    B_15 = "B-15": "the database of virtual users was not rebuilt"
        evidence ["a new account gets 530 while older ones log in"]
        admin "Pure-FTPd `pure-pw mkdb`; vsftpd with pam_userdb `db_load`";
    B_16 = "B-16": "the server wants an ACCT as well"
        evidence ["332, or a text that says an account is needed"]
        user "give the account";
    B_17 = "B-17": "the password has characters that do not arrive as typed"
        evidence [
            "only passwords with non-ASCII characters get 530",
            "the URL has an unescaped `@`, `:`, `/`, `#` or `%` in its password",
        ]
        user "percent-encode such characters in URLs, or let wharf ask for the password"
        admin "turn UTF-8 on";
    B_18 = "B-18": "the server needs the site's name with the login"
        evidence [
            "the login works after `HOST name`, or as `host|user` (IIS) or `user|host`",
        ]
        user "put the host's name before or after the user name as the server expects";
    B_19 = "B-19": "a second factor is asked for"
        evidence ["another 33x comes after PASS"]
        user "log in interactively";
    B_20 = "B-20": "a client certificate is required"
        evidence [
            "TLS alert 116 or 42",
            "530 after TLS without a certificate (curl exits with 98)",
        ]
        user "give the client certificate"
        admin "ProFTPD `TLSVerifyClient`, vsftpd `require_cert`, wharf `tls.client_certificates` and \
            `wharf user certificate`";
}
