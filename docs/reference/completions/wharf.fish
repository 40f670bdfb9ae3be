# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_wharf_global_optspecs
    string join \n log= h/help V/version
end

function __fish_wharf_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_wharf_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_wharf_using_subcommand
    set -l cmd (__fish_wharf_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c wharf -n "__fish_wharf_needs_command" -l log -d 'What is written to standard error: error, warn, info, debug, trace, or a filter such as `info,wharf_server=debug`' -r
complete -c wharf -n "__fish_wharf_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wharf -n "__fish_wharf_needs_command" -s V -l version -d 'Print version'
complete -c wharf -n "__fish_wharf_needs_command" -f -a "serve" -d 'Serve a folder'
complete -c wharf -n "__fish_wharf_needs_command" -f -a "user" -d 'Manage accounts'
complete -c wharf -n "__fish_wharf_needs_command" -f -a "config" -d 'Check and show settings'
complete -c wharf -n "__fish_wharf_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c wharf -n "__fish_wharf_needs_command" -f -a "man" -d 'Print the manual page, or write all manual pages into a folder'
complete -c wharf -n "__fish_wharf_needs_command" -f -a "reference" -d 'Write the generated part of the documentation'
complete -c wharf -n "__fish_wharf_using_subcommand serve" -l config -d 'The settings file' -r -F
complete -c wharf -n "__fish_wharf_using_subcommand serve" -l listen -d 'The address to listen on; may be given several times [default: 127.0.0.1]' -r
complete -c wharf -n "__fish_wharf_using_subcommand serve" -l ftp -d 'The port for FTP, with TLS when the client asks for it; 0 takes a free one [default: 2121]' -r
complete -c wharf -n "__fish_wharf_using_subcommand serve" -l ftps -d 'The port for FTP with TLS from the first byte on, implicit FTPS [default: 2990]' -r
complete -c wharf -n "__fish_wharf_using_subcommand serve" -l sftp -d 'The port for SFTP, over SSH [default: 2222]' -r
complete -c wharf -n "__fish_wharf_using_subcommand serve" -l web -d 'The port for the web pages: only `off` in this version' -r
complete -c wharf -n "__fish_wharf_using_subcommand serve" -l passive-ports -d 'The ports for passive data connections [default: 50000-50100]' -r
complete -c wharf -n "__fish_wharf_using_subcommand serve" -l public-address -d 'The address clients outside are told for data connections, behind NAT' -r -f -a "(__fish_print_hostnames)"
complete -c wharf -n "__fish_wharf_using_subcommand serve" -l state -d 'The folder of the database, the audit log and what else the server keeps' -r -f -a "(__fish_complete_directories)"
complete -c wharf -n "__fish_wharf_using_subcommand serve" -l format -d 'Text for people, or one JSON object a line for programs' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c wharf -n "__fish_wharf_using_subcommand serve" -l log -d 'What is written to standard error: error, warn, info, debug, trace, or a filter such as `info,wharf_server=debug`' -r
complete -c wharf -n "__fish_wharf_using_subcommand serve" -l anonymous -d 'Let anybody list and read without a password'
complete -c wharf -n "__fish_wharf_using_subcommand serve" -l allow-plaintext -d 'Accept passwords in clear, without TLS'
complete -c wharf -n "__fish_wharf_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wharf -n "__fish_wharf_using_subcommand user; and not __fish_seen_subcommand_from add list show change remove enable disable password totp key certificate" -l state -d 'The folder of the database, the audit log and what else the server keeps' -r -f -a "(__fish_complete_directories)"
complete -c wharf -n "__fish_wharf_using_subcommand user; and not __fish_seen_subcommand_from add list show change remove enable disable password totp key certificate" -l format -d 'Text for people, or one JSON object a line for programs' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c wharf -n "__fish_wharf_using_subcommand user; and not __fish_seen_subcommand_from add list show change remove enable disable password totp key certificate" -l log -d 'What is written to standard error: error, warn, info, debug, trace, or a filter such as `info,wharf_server=debug`' -r
complete -c wharf -n "__fish_wharf_using_subcommand user; and not __fish_seen_subcommand_from add list show change remove enable disable password totp key certificate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wharf -n "__fish_wharf_using_subcommand user; and not __fish_seen_subcommand_from add list show change remove enable disable password totp key certificate" -f -a "add" -d 'Add an account'
complete -c wharf -n "__fish_wharf_using_subcommand user; and not __fish_seen_subcommand_from add list show change remove enable disable password totp key certificate" -f -a "list" -d 'List the accounts'
complete -c wharf -n "__fish_wharf_using_subcommand user; and not __fish_seen_subcommand_from add list show change remove enable disable password totp key certificate" -f -a "show" -d 'Show an account with its keys and certificates'
complete -c wharf -n "__fish_wharf_using_subcommand user; and not __fish_seen_subcommand_from add list show change remove enable disable password totp key certificate" -f -a "change" -d 'Change what an account may do'
complete -c wharf -n "__fish_wharf_using_subcommand user; and not __fish_seen_subcommand_from add list show change remove enable disable password totp key certificate" -f -a "remove" -d 'Remove an account; its files stay'
complete -c wharf -n "__fish_wharf_using_subcommand user; and not __fish_seen_subcommand_from add list show change remove enable disable password totp key certificate" -f -a "enable" -d 'Let a disabled account log in again'
complete -c wharf -n "__fish_wharf_using_subcommand user; and not __fish_seen_subcommand_from add list show change remove enable disable password totp key certificate" -f -a "disable" -d 'Refuse an account\'s logins and end its sessions'
complete -c wharf -n "__fish_wharf_using_subcommand user; and not __fish_seen_subcommand_from add list show change remove enable disable password totp key certificate" -f -a "password" -d 'Give an account a new password'
complete -c wharf -n "__fish_wharf_using_subcommand user; and not __fish_seen_subcommand_from add list show change remove enable disable password totp key certificate" -f -a "totp" -d 'Ask an account for one-time codes at every login'
complete -c wharf -n "__fish_wharf_using_subcommand user; and not __fish_seen_subcommand_from add list show change remove enable disable password totp key certificate" -f -a "key" -d 'Manage an account\'s SSH keys'
complete -c wharf -n "__fish_wharf_using_subcommand user; and not __fish_seen_subcommand_from add list show change remove enable disable password totp key certificate" -f -a "certificate" -d 'Manage the client certificates an account is known by'
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from add" -l home -d 'The folder the account sees as `/`, instead of the served folder' -r -f -a "(__fish_complete_directories)"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from add" -l key -d 'A file with an SSH public key; may be given several times' -r -F
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from add" -l permissions -d 'What the account may do, as `full`, `read-only` or `read-only,/incoming=upload-only`' -r
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from add" -l max-sessions -d 'Sessions the account may have at a time, instead of `limits.sessions_per_account`' -r
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from add" -l certificate -d 'A file with a client certificate the account is known by; may be given several times' -r -F
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from add" -l certificate-login -d 'What a client certificate is good for' -r -f -a "off\t'Nothing'
factor\t'A second factor: the login takes the password and one of the account\'s certificates'
login\t'A login: one of the account\'s certificates suffices'"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from add" -l fxp -d 'Whether the account may have files sent between this server and another one' -r -f -a "yes\t''
no\t''"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from add" -l expires -d 'The day from which on nobody logs in to it any more: `2027-01-31`, or a time of it in UTC, `2027-01-31T18:00:00Z`' -r
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from add" -l networks -d 'Where it may come from, by whatever protocol: `10.0.0.0/8,2001:db8::/32`' -r
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from add" -l login -d 'What SSH asks for: `publickey`, `password` and `keyboard-interactive`, joined by `,` where one follows the other, by spaces where each is enough' -r
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from add" -l scp -d 'Whether it may use the old protocol of scp' -r -f -a "yes\t''
no\t''"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from add" -l authorized-keys -d 'A file with keys it can log in with, as OpenSSH\'s `authorized_keys`' -r -F
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from add" -l state -d 'The folder of the database, the audit log and what else the server keeps' -r -f -a "(__fish_complete_directories)"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from add" -l format -d 'Text for people, or one JSON object a line for programs' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from add" -l log -d 'What is written to standard error: error, warn, info, debug, trace, or a filter such as `info,wharf_server=debug`' -r
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from add" -l password-stdin -d 'Read the password from standard input, up to the end or the first line break'
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from add" -l no-password -d 'Give the account no password: it can log in with a key or a client certificate only'
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from list" -l state -d 'The folder of the database, the audit log and what else the server keeps' -r -f -a "(__fish_complete_directories)"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from list" -l format -d 'Text for people, or one JSON object a line for programs' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from list" -l log -d 'What is written to standard error: error, warn, info, debug, trace, or a filter such as `info,wharf_server=debug`' -r
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from show" -l state -d 'The folder of the database, the audit log and what else the server keeps' -r -f -a "(__fish_complete_directories)"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from show" -l format -d 'Text for people, or one JSON object a line for programs' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from show" -l log -d 'What is written to standard error: error, warn, info, debug, trace, or a filter such as `info,wharf_server=debug`' -r
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from change" -l home -d 'The folder the account sees as `/`' -r -f -a "(__fish_complete_directories)"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from change" -l permissions -d 'What the account may do' -r
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from change" -l max-sessions -d 'Sessions the account may have at a time; `default` for the server\'s limit' -r
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from change" -l certificate-login -d 'What a client certificate is good for' -r -f -a "off\t'Nothing'
factor\t'A second factor: the login takes the password and one of the account\'s certificates'
login\t'A login: one of the account\'s certificates suffices'"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from change" -l fxp -d 'Whether the account may have files sent between this server and another one' -r -f -a "yes\t''
no\t''"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from change" -l expires -d 'The day from which on nobody logs in to it any more: `2027-01-31`, or a time of it in UTC, `2027-01-31T18:00:00Z`; `never`' -r
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from change" -l networks -d 'Where it may come from, by whatever protocol: `10.0.0.0/8,2001:db8::/32`; `any`' -r
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from change" -l login -d 'What SSH asks for: `publickey`, `password` and `keyboard-interactive`, joined by `,` where one follows the other, by spaces where each is enough' -r
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from change" -l scp -d 'Whether it may use the old protocol of scp' -r -f -a "yes\t''
no\t''"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from change" -l authorized-keys -d 'A file with keys it can log in with, as OpenSSH\'s `authorized_keys`; `none`' -r -F
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from change" -l state -d 'The folder of the database, the audit log and what else the server keeps' -r -f -a "(__fish_complete_directories)"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from change" -l format -d 'Text for people, or one JSON object a line for programs' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from change" -l log -d 'What is written to standard error: error, warn, info, debug, trace, or a filter such as `info,wharf_server=debug`' -r
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from change" -l no-home -d 'Give the account the served folder again'
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from change" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from remove" -l state -d 'The folder of the database, the audit log and what else the server keeps' -r -f -a "(__fish_complete_directories)"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from remove" -l format -d 'Text for people, or one JSON object a line for programs' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from remove" -l log -d 'What is written to standard error: error, warn, info, debug, trace, or a filter such as `info,wharf_server=debug`' -r
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from enable" -l state -d 'The folder of the database, the audit log and what else the server keeps' -r -f -a "(__fish_complete_directories)"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from enable" -l format -d 'Text for people, or one JSON object a line for programs' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from enable" -l log -d 'What is written to standard error: error, warn, info, debug, trace, or a filter such as `info,wharf_server=debug`' -r
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from enable" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from disable" -l state -d 'The folder of the database, the audit log and what else the server keeps' -r -f -a "(__fish_complete_directories)"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from disable" -l format -d 'Text for people, or one JSON object a line for programs' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from disable" -l log -d 'What is written to standard error: error, warn, info, debug, trace, or a filter such as `info,wharf_server=debug`' -r
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from disable" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from password" -l state -d 'The folder of the database, the audit log and what else the server keeps' -r -f -a "(__fish_complete_directories)"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from password" -l format -d 'Text for people, or one JSON object a line for programs' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from password" -l log -d 'What is written to standard error: error, warn, info, debug, trace, or a filter such as `info,wharf_server=debug`' -r
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from password" -l password-stdin -d 'Read the password from standard input, up to the end or the first line break'
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from password" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from totp" -l state -d 'The folder of the database, the audit log and what else the server keeps' -r -f -a "(__fish_complete_directories)"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from totp" -l format -d 'Text for people, or one JSON object a line for programs' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from totp" -l log -d 'What is written to standard error: error, warn, info, debug, trace, or a filter such as `info,wharf_server=debug`' -r
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from totp" -l off -d 'Ask it for codes no more'
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from totp" -l no-confirm -d 'Put the codes in force without asking for one, for scripts'
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from totp" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from key" -l state -d 'The folder of the database, the audit log and what else the server keeps' -r -f -a "(__fish_complete_directories)"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from key" -l format -d 'Text for people, or one JSON object a line for programs' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from key" -l log -d 'What is written to standard error: error, warn, info, debug, trace, or a filter such as `info,wharf_server=debug`' -r
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from key" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from key" -f -a "add" -d 'Add an SSH public key'
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from key" -f -a "list" -d 'List an account\'s keys'
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from key" -f -a "remove" -d 'Remove a key'
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from certificate" -l state -d 'The folder of the database, the audit log and what else the server keeps' -r -f -a "(__fish_complete_directories)"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from certificate" -l format -d 'Text for people, or one JSON object a line for programs' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from certificate" -l log -d 'What is written to standard error: error, warn, info, debug, trace, or a filter such as `info,wharf_server=debug`' -r
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from certificate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from certificate" -f -a "add" -d 'Add a client certificate'
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from certificate" -f -a "list" -d 'List an account\'s client certificates'
complete -c wharf -n "__fish_wharf_using_subcommand user; and __fish_seen_subcommand_from certificate" -f -a "remove" -d 'Remove a client certificate'
complete -c wharf -n "__fish_wharf_using_subcommand config; and not __fish_seen_subcommand_from check show schema" -l state -d 'The folder of the database, the audit log and what else the server keeps' -r -f -a "(__fish_complete_directories)"
complete -c wharf -n "__fish_wharf_using_subcommand config; and not __fish_seen_subcommand_from check show schema" -l format -d 'Text for people, or one JSON object a line for programs' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c wharf -n "__fish_wharf_using_subcommand config; and not __fish_seen_subcommand_from check show schema" -l log -d 'What is written to standard error: error, warn, info, debug, trace, or a filter such as `info,wharf_server=debug`' -r
complete -c wharf -n "__fish_wharf_using_subcommand config; and not __fish_seen_subcommand_from check show schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wharf -n "__fish_wharf_using_subcommand config; and not __fish_seen_subcommand_from check show schema" -f -a "check" -d 'Tell everything that is wrong with the settings, without starting anything'
complete -c wharf -n "__fish_wharf_using_subcommand config; and not __fish_seen_subcommand_from check show schema" -f -a "show" -d 'Show every setting as it is in force and where it was written, and what TLS and SSH come to'
complete -c wharf -n "__fish_wharf_using_subcommand config; and not __fish_seen_subcommand_from check show schema" -f -a "schema" -d 'Print a JSON Schema of the settings file'
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from check" -l config -d 'The settings file' -r -F
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from check" -l listen -d 'The address to listen on; may be given several times [default: 127.0.0.1]' -r
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from check" -l ftp -d 'The port for FTP, with TLS when the client asks for it; 0 takes a free one [default: 2121]' -r
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from check" -l ftps -d 'The port for FTP with TLS from the first byte on, implicit FTPS [default: 2990]' -r
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from check" -l sftp -d 'The port for SFTP, over SSH [default: 2222]' -r
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from check" -l web -d 'The port for the web pages: only `off` in this version' -r
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from check" -l passive-ports -d 'The ports for passive data connections [default: 50000-50100]' -r
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from check" -l public-address -d 'The address clients outside are told for data connections, behind NAT' -r -f -a "(__fish_print_hostnames)"
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from check" -l state -d 'The folder of the database, the audit log and what else the server keeps' -r -f -a "(__fish_complete_directories)"
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from check" -l format -d 'Text for people, or one JSON object a line for programs' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from check" -l log -d 'What is written to standard error: error, warn, info, debug, trace, or a filter such as `info,wharf_server=debug`' -r
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from check" -l anonymous -d 'Let anybody list and read without a password'
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from check" -l allow-plaintext -d 'Accept passwords in clear, without TLS'
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'The settings file' -r -F
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from show" -l listen -d 'The address to listen on; may be given several times [default: 127.0.0.1]' -r
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from show" -l ftp -d 'The port for FTP, with TLS when the client asks for it; 0 takes a free one [default: 2121]' -r
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from show" -l ftps -d 'The port for FTP with TLS from the first byte on, implicit FTPS [default: 2990]' -r
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from show" -l sftp -d 'The port for SFTP, over SSH [default: 2222]' -r
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from show" -l web -d 'The port for the web pages: only `off` in this version' -r
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from show" -l passive-ports -d 'The ports for passive data connections [default: 50000-50100]' -r
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from show" -l public-address -d 'The address clients outside are told for data connections, behind NAT' -r -f -a "(__fish_print_hostnames)"
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from show" -l state -d 'The folder of the database, the audit log and what else the server keeps' -r -f -a "(__fish_complete_directories)"
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from show" -l format -d 'Text for people, or one JSON object a line for programs' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from show" -l log -d 'What is written to standard error: error, warn, info, debug, trace, or a filter such as `info,wharf_server=debug`' -r
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from show" -l anonymous -d 'Let anybody list and read without a password'
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from show" -l allow-plaintext -d 'Accept passwords in clear, without TLS'
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from schema" -l state -d 'The folder of the database, the audit log and what else the server keeps' -r -f -a "(__fish_complete_directories)"
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from schema" -l format -d 'Text for people, or one JSON object a line for programs' -r -f -a "text\t'For people'
json\t'For programs'"
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from schema" -l log -d 'What is written to standard error: error, warn, info, debug, trace, or a filter such as `info,wharf_server=debug`' -r
complete -c wharf -n "__fish_wharf_using_subcommand config; and __fish_seen_subcommand_from schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wharf -n "__fish_wharf_using_subcommand completions" -l log -d 'What is written to standard error: error, warn, info, debug, trace, or a filter such as `info,wharf_server=debug`' -r
complete -c wharf -n "__fish_wharf_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wharf -n "__fish_wharf_using_subcommand man" -l log -d 'What is written to standard error: error, warn, info, debug, trace, or a filter such as `info,wharf_server=debug`' -r
complete -c wharf -n "__fish_wharf_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wharf -n "__fish_wharf_using_subcommand reference" -l log -d 'What is written to standard error: error, warn, info, debug, trace, or a filter such as `info,wharf_server=debug`' -r
complete -c wharf -n "__fish_wharf_using_subcommand reference" -s h -l help -d 'Print help (see more with \'--help\')'
