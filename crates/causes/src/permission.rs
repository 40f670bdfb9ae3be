//! Family C: a file or folder may not be used as asked (550, 553, SFTP code 3 or 4).

use crate::family;

family! { C;
    C_1 = "C-1": "the server is read-only by its own rules"
        evidence [
            "STOR, MKD and DELE all give `550 Permission denied.`, even in the account's own home \
             (vsftpd)",
        ]
        admin "vsftpd `write_enable=YES` and `cmds_allowed`; wharf `user show NAME` prints \
            the account's permissions";
    C_2 = "C-2": "the file system does not permit it"
        evidence [
            "`553 Could not create file.` (vsftpd)",
            "`553 Can't open that file: Permission denied` (Pure-FTPd)",
            "`550 …: Permission denied`, that is EACCES (ProFTPD)",
            "MLSD `perm=` lacks `c` or `m`",
            "MKD works in another folder",
        ]
        user "use a folder you may write to"
        admin "chown or chmod the folder, or its ACL; look at the umask of earlier uploads";
    C_3 = "C-3": "a rule of the server forbids this command here"
        evidence [
            "`550 …: Operation not permitted`, that is EPERM (ProFTPD)",
            "only some commands are refused",
        ]
        admin "ProFTPD `<Limit WRITE>` and the rights of its mod_sftp handlers; wharf: the account's \
            permissions for this folder";
    C_4 = "C-4": "existing files may not be overwritten"
        evidence [
            "a new name works, an existing one gives `550 …: Overwrite permission denied`",
            "an anonymous user is told that files may not be overwritten",
        ]
        user "take another name, or delete the old file first"
        admin "ProFTPD `AllowOverwrite on`; vsftpd `anon_other_write_enable`; Pure-FTPd: log in with \
            an account; wharf: the permission `overwrite`";
    C_5 = "C-5": "resuming or appending is not allowed"
        evidence [
            "`451 …: Append/Restart not permitted` (ProFTPD)",
            "`554 Restart offset` with a reason (Pure-FTPd)",
            "REST is refused in ASCII mode",
        ]
        user "transfer without resuming, in binary mode"
        admin "ProFTPD `AllowStoreRestart`, `AllowRetrieveRestart`";
    C_6 = "C-6": "the server does not take this file name"
        evidence [
            "only this name fails; `Forbidden filename`, `Prohibited file name` or `Illegal character \
             sequence`",
            "names that begin with a dot fail",
        ]
        user "rename the file"
        admin "ProFTPD `PathAllowFilter` and `PathDenyFilter`; Pure-FTPd `-x`, `-X`; vsftpd \
            `deny_file`";
    C_7 = "C-7": "the path is that of the disk, not the one the login sees"
        evidence [
            "CWD to an absolute path gives 550 and the relative one works",
            "PWD after the login says `/`",
        ]
        user "use the path below `/` as PWD shows it"
        admin "tell users that their home is `/`";
    C_8 = "C-8": "a folder where a file is meant, or the other way round"
        evidence [
            "`550 …: not a regular file`",
            "RETR was given a folder, or CWD a file",
        ]
        user "list the folder above and look at the type";
    C_9 = "C-9": "SELinux or AppArmor forbids it"
        evidence [
            "the mode bits allow it and the answer is still 550, 553 or OOPS",
            "`ausearch -m avc` shows the denial",
        ]
        admin "`setsebool -P` with `ftpd_full_access`, `ftp_home_dir` or `allow_ftpd_anon_write`; the \
            AppArmor profile of the service";
    C_10 = "C-10": "the file system is read-only, or root is squashed on NFS, or a share forbids it"
        evidence [
            "every write fails, also as the owner",
            "SFTP code 4 or 12",
        ]
        admin "mount it read-write; look at the options in exports, or at the share's permissions";
    C_11 = "C-11": "ProFTPD guards folders named etc and lib"
        evidence ["only rename or mkdir of `etc` or `lib` fails"]
        user "take another name"
        admin "`RLimitChroot off`";
    C_12 = "C-12": "another program holds the file open (Windows)"
        evidence ["550 with `being used by another process`"]
        user "try again later"
        admin "close the program or the handle that holds the file";
    C_13 = "C-13": "IIS allows the login but NTFS does not allow the folder, or the reverse"
        evidence ["the login works and LIST gives 550 `Access is denied.`"]
        admin "allow it in both places: the FTP Authorization Rules and the NTFS permissions";
    C_14 = "C-14": "uploads wait for approval"
        evidence ["the uploaded file vanishes or cannot be read until somebody approves it (Pure-FTPd)"]
        user "ask the administrator to approve it"
        admin "Pure-FTPd `-s` turns this on";
    C_15 = "C-15": "SFTP code 4 hides an existing target, another file system or a folder in use"
        evidence [
            "stat of the target succeeds: it exists",
            "statvfs of source and target name different file systems: a rename cannot cross them",
            "rmdir of a folder that has entries",
        ]
        user "delete or rename the target first; copy instead of renaming across file systems; empty \
            the folder";
}
