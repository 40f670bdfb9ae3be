use strict;
use warnings;
use Net::FTP;

my ($mode, $tls, $version, $certificate, $port, $name, $password, $verb, @words) = @ARGV;

# A passive data connection of Net::FTP looks for its session under its own port and never finds
# it: any server that demands resumption refuses it. A cache that knows one name only finds it.
package OneSession {
    use parent -norequire, "IO::Socket::SSL::Session_Cache";
    sub get_session { $_[0]->SUPER::get_session("one") }
    sub add_session { $_[0]->SUPER::add_session("one", $_[2]) }
}

my %tls = $tls eq "none" ? () : (
    our $as_it_is ? () : (SSL_session_cache => OneSession->new(16)),
    SSL => $tls eq "implicit",
    SSL_ca_file => $certificate,
    SSL_version => $version eq "1.3" ? "TLSv1_3" : "TLSv1_2",
);
my $ftp = Net::FTP->new("127.0.0.1", Port => $port, Passive => $mode eq "passive", Timeout => 20, %tls)
    or die "connecting: $@";
sub check { my ($done, $what) = @_; $done or die "$what: " . $ftp->code . " " . $ftp->message }

check($ftp->starttls, "AUTH TLS") if $tls eq "explicit";
check($ftp->login($name, $password), "login");
check($ftp->binary, "binary");

if ($verb eq "list") {
    my $names = $ftp->ls($words[0]);
    # An empty list is not an error; the code tells.
    check($ftp->code == 226 || $ftp->code == 250, "ls");
    my $long = $ftp->dir($words[0]);
    check($ftp->code == 226 || $ftp->code == 250, "dir");
    for my $entry (@{ $names || [] }) {
        $entry =~ s{.*/}{};
        next if $entry eq "." or $entry eq "..";
        grep { /\Q$entry\E$/ } @$long or die "$entry is not in the long listing";
        print "$entry\n";
    }
} elsif ($verb eq "get") {
    check(defined $ftp->get(@words), "get");
} elsif ($verb eq "reget") {
    check(defined $ftp->get($words[0], $words[1], -s $words[1]), "get from an offset");
} elsif ($verb eq "put") {
    check(defined $ftp->put(@words), "put");
    check($ftp->size($words[1]) == -s $words[0], "size");
} elsif ($verb eq "reput") {
    my $offset = $ftp->size($words[1]);
    open(my $local, "<", $words[0]) or die "$words[0]: $!";
    binmode $local;
    seek($local, $offset, 0);
    check(defined $ftp->append($local, $words[1]), "append");
} elsif ($verb eq "rename") {
    check($ftp->rename(@words), "rename");
} elsif ($verb eq "delete") {
    check($ftp->delete($words[0]), "delete");
} elsif ($verb eq "mkdir") {
    check($ftp->mkdir($words[0]), "mkdir");
} elsif ($verb eq "rmdir") {
    check($ftp->rmdir($words[0]), "rmdir");
} else {
    die "no such verb: $verb";
}
check($ftp->quit, "quit");
