//! Family G: SSH or SFTP fails.

use crate::family;

family! { G;
    G_1 = "G-1": "FTP was spoken to an SSH server, or SSH to an FTP server"
        evidence ["the greeting is `SSH-2.0-…` where FTP was meant, or `220` where SSH was"]
        user "switch the protocol (wharf offers to)";
    G_2 = "G-2": "no SSH server on this port"
        evidence [
            "port 22 resets",
            "an `SSH-` greeting comes on 2222, 23 or another port",
        ]
        user "use the port on which the greeting was found";
    G_3 = "G-3": "the SSH server dropped the connection before its greeting"
        evidence [
            "end of file before the greeting",
            "the text `Not allowed at this time` or `Exceeded MaxStartups`",
            "of several spaced tries some succeed: random early drop",
        ]
        user "wait before the next try"
        admin "sshd `MaxStartups`, `PerSourcePenalties`; fail2ban";
    G_4 = "G-4": "the server's host key is not the one known"
        evidence [
            "the fingerprint differs from the one in known_hosts: both are shown, with key type and line",
            "only a new key type was added: then it is no sign of an attack",
        ]
        user "ask the administrator for the fingerprint by another way before accepting it"
        admin "publish the fingerprints (SSHFP); rotate keys with the hostkeys extension";
    G_5 = "G-5": "no common host key, key exchange, cipher or MAC"
        evidence ["the two KEXINIT lists: one of them has nothing in common"]
        user "allow the old algorithm for this host only, as `+ssh-rsa`"
        admin "make new host keys, and update the server";
    G_6 = "G-6": "the RSA key would have to sign with SHA-1"
        evidence [
            "server-sig-algs has no rsa-sha2",
            "\"no mutual signature algorithm\"",
        ]
        user "use an Ed25519 key"
        admin "sshd `PubkeyAcceptedAlgorithms`";
    G_7 = "G-7": "the RSA key is too short"
        evidence ["the server's `RequiredRSASize` or the distribution's policy refuses it"]
        user "make a new key, Ed25519 or RSA of 3072 bits";
    G_8 = "G-8": "the server takes no passwords, only keys"
        evidence ["the list of methods that can continue is `publickey` alone"]
        user "give a key"
        admin "sshd `PasswordAuthentication`, `KbdInteractiveAuthentication`";
    G_9 = "G-9": "the key is not authorized for this account"
        evidence ["asked without a signature, the server accepts none of the keys offered"]
        user "have the public key with the shown fingerprint added (`ssh-copy-id`)"
        admin "add it: wharf `user key add`, or authorized_keys with owner and mode that sshd accepts \
            (`Authentication refused: bad ownership or modes`); `AuthorizedKeysFile`";
    G_10 = "G-10": "the user does not exist, is denied, or has no valid shell"
        evidence [
            "no key is accepted and the password fails as well",
            "from outside it looks like a wrong key (DenyUsers does)",
        ]
        user "ask the administrator"
        admin "sshd `AllowUsers`, `AllowGroups`, `DenyUsers`; its log says `not allowed because`";
    G_11 = "G-11": "the agent offered too many wrong keys first"
        evidence [
            "disconnect with reason 2, \"Too many authentication failures\", before the right key",
        ]
        user "offer the right key only (`IdentitiesOnly`; wharf offers the configured key first)"
        admin "sshd `MaxAuthTries`";
    G_12 = "G-12": "the key file cannot be used: its mode, its format, or it is the public half"
        evidence [
            "others may read the file",
            "its first line: PuTTY's PPK, an old PEM, encrypted, or a public key",
        ]
        user "`chmod 600` the file (icacls on Windows), convert it, give its passphrase, or give the \
            private half";
    G_13 = "G-13": "another factor is still missing"
        evidence ["the server answers with partial success and names the next methods"]
        user "go on with the method that is named";
    G_14 = "G-14": "the server has no SFTP subsystem"
        evidence ["CHANNEL_FAILURE after the request for the subsystem"]
        admin "sshd `Subsystem sftp internal-sftp`";
    G_15 = "G-15": "the sftp-server program is missing"
        evidence ["CHANNEL_SUCCESS, then exit status 127"]
        admin "correct its path in sshd_config, or install the package openssh-sftp-server";
    G_16 = "G-16": "sshd refuses the owner or mode of the chroot folder"
        evidence ["right after the login: exit status 255, and not a byte"]
        admin "every component owned by root and not writable by group or others, with a writable \
            folder inside";
    G_17 = "G-17": "a login program or a forced command runs instead of SFTP"
        evidence ["exit status 1, or a text, instead of SFTP packets"]
        admin "`ForceCommand internal-sftp`; not nologin as the command";
    G_18 = "G-18": "the account's shell prints text into the SFTP stream"
        evidence [
            "the first four bytes are ASCII and give a length such as 1416128883; the text is shown",
        ]
        admin "begin `.bashrc` with `[[ $- != *i* ]] && return`";
    G_19 = "G-19": "SFTP 3 says only \"Failure\": the disk is full, or it exists, or it is read-only"
        evidence [
            "statvfs shows nothing available: the disk is full",
            "stat of the target succeeds: it exists",
            "statvfs names different file systems: a rename across them",
            "the read-only flag of statvfs is set",
        ]
        user "free space, delete the target, or copy instead of renaming: as the evidence says";
    G_20 = "G-20": "too many files are open on the server"
        evidence [
            "`limits@openssh.com` tells the number of handles",
            "code 4 when one more is opened",
        ]
        user "transfer fewer files at a time";
    G_21 = "G-21": "the server lets a file be read once only"
        evidence ["the second open or stat of a file says that it does not exist (IBM Sterling)"]
        user "read in one go, ask the size of the open handle, no parallel reads";
    G_22 = "G-22": "the key exchange hangs because large packets are lost"
        evidence [
            "nothing comes after KEXINIT",
            "a shorter KEXINIT gets through",
        ]
        user "lower the MTU, or offer fewer algorithms"
        admin "clamp the MSS";
    G_23 = "G-23": "an idle SSH connection is cut after a fixed time"
        evidence ["reset after N seconds without traffic, N always the same"]
        user "turn keepalives on"
        admin "sshd `ClientAliveInterval`";
    G_24 = "G-24": "the server waits for its DNS"
        evidence ["greeting or login stalls for multiples of about 5 s"]
        admin "sshd `UseDNS no`; GSSAPI off";
    G_25 = "G-25": "the path over SFTP is not the path in the shell"
        evidence ["a file is found under another path over SFTP than over a shell (Synology and others)"]
        user "use the path that the SFTP listing shows";
}
