# Runs "$@" where /etc holds the users of the benchmark and vsftpd's PAM service. The name space
# is private to that one server: the machine's own files stay as they are.
set -e
for file in passwd group shadow pam.d; do
    mount --bind "$ETC/$file" "/etc/$file"
done
mount -t tmpfs -o mode=755 bench /run
# sshd locks its unprivileged half into it.
mkdir /run/sshd
exec "$@"
