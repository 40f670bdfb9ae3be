//! Family F: TLS fails.

use crate::family;

family! { F;
    F_1 = "F-1": "the server does not offer TLS"
        evidence [
            "AUTH gives 500, 502 or 504",
            "FEAT does not list AUTH",
        ]
        user "use SFTP; a plain connection shows the password to everybody in between"
        admin "configure a certificate and turn TLS on";
    F_2 = "F-2": "implicit TLS where explicit is meant, or the reverse"
        evidence [
            "the port is silent in clear and answers a TLS handshake at once (990)",
            "a clear `220` answers the TLS handshake: \"wrong version number\"",
        ]
        user "switch between `ftps://` (implicit) and `ftpes://` (explicit)"
        admin "wharf speaks explicit TLS on `server.ftp` and implicit TLS on `server.ftps`";
    F_3 = "F-3": "no common TLS version"
        evidence [
            "alert 70 (protocol_version), or handshake_failure",
            "only TLS 1.0 or 1.1 is accepted",
        ]
        user "this server cannot be used safely over TLS: try SFTP"
        admin "enable TLS 1.2 and 1.3: vsftpd `ssl_tlsv1_2`, ProFTPD `TLSProtocol`, IIS SCHANNEL; wharf \
            speaks both unless `tls.min_version` is 1.3, and nothing older: the client must be renewed";
    F_4 = "F-4": "no common cipher, curve or signature"
        evidence [
            "alert 40",
            "no ServerHello for one subset of what was offered, and one for another",
        ]
        admin "allow current ciphers; have an ECDSA and an RSA certificate (wharf `tls.certificate` takes \
            a list, `wharf config show` tells the ciphers)";
    F_5 = "F-5": "the server's key or Diffie-Hellman group is too weak"
        evidence [
            "alert 71 (insufficient_security)",
            "the client says that the DH key is too small",
        ]
        admin "use keys and groups of at least 2048 bits";
    F_6 = "F-6": "clear text was written into the TLS connection"
        evidence [
            "the first bytes of the \"TLS record\" are printable, such as `500 OOPS: …`",
            "GnuTLS says -15, OpenSSL \"wrong version number\", Go \"first record does not look like a \
             TLS handshake\"",
            "a server says that commands arrived in clear behind AUTH: a broken client, or somebody in \
             between who adds commands of their own",
        ]
        user "send the administrator the text found in the connection"
        admin "mend what the text says: a writable chroot, SELinux, a wrapper that prints";
    F_7 = "F-7": "the certificate is self-signed or its issuer is unknown"
        evidence [
            "the chain ends in no root this machine trusts, at depth 0 or 1",
            "the server is sent alert 48 (unknown_ca), 42 or 46",
        ]
        user "compare the fingerprint with the one the administrator gives you, then accept it once"
        admin "install a certificate of a public CA; wharf gets one by itself with `acme.names`";
    F_8 = "F-8": "the server does not send its intermediate certificate"
        evidence [
            "the certificate is in order and its issuer was not sent",
            "the issuer can be fetched from the address in the certificate, and then the chain is whole",
        ]
        admin "put the chain into the file: vsftpd `rsa_cert_file` with the chain in it, ProFTPD \
            `TLSCertificateChainFile`, wharf `tls.certificate` with the chain in it (`fullchain.pem`)";
    F_9 = "F-9": "the certificate has expired or is not valid yet"
        evidence [
            "its dates against the clock",
            "the server's time (MDTM, Date, NTP) and the local clock differ: then the clock is wrong",
        ]
        user "set the clock right; otherwise the administrator must renew the certificate"
        admin "renew the certificate; wharf takes the new file without a restart";
    F_10 = "F-10": "the certificate is for another name"
        evidence [
            "the list of names in it has no match; connected by address or by an alias",
            "shared hosting shows the provider's wildcard",
        ]
        user "use one of the names in the certificate"
        admin "get a certificate with the FTP name; choose it by SNI; wharf's own certificate has the \
            names in `tls.names`, and `tls.certificate` takes several";
    F_11 = "F-11": "the data port's certificate differs after a restart or by load balancing"
        evidence ["as in D-15: the fingerprints of control and data connection differ"]
        user "stop, and see D-15"
        admin "the same certificate on every machine and every port";
    F_12 = "F-12": "the end of an upload is lost in a TLS 1.3 ticket or close race"
        evidence [
            "426, 450 or 451 at the end of an upload, and the file is short by its tail",
            "with TLS 1.2 it does not happen",
        ]
        user "use TLS 1.2 for this host (wharf pins it by itself)"
        admin "ProFTPD 1.3.7 or later; a current vsftpd or curl";
    F_13 = "F-13": "the peer closes TLS without close_notify"
        evidence [
            "\"TLS connection was non-properly terminated\" (GnuTLS -110), though 226 came and the \
             size matches",
            "426 after an upload, and nothing is published (wharf)",
        ]
        user "the file is whole when 226 came and SIZE is equal; after 426 send it again, with a client \
            that ends TLS properly"
        admin "wharf refuses an upload that ends so, because it may have been cut short: \
            `tls.close_notify = \"optional\"`, better only for the clients that need it in \
            `tls.networks`";
    F_14 = "F-14": "TLS is opened by an inspecting middlebox or antivirus"
        evidence [
            "the issuer is a company's or an antivirus product's CA",
            "ALPN or record sizes are unusual",
        ]
        user "import that CA if you trust it"
        admin "exempt the host from inspection";
    F_15 = "F-15": "the server wants a client certificate in the handshake"
        evidence ["CertificateRequest, then alert 116 (certificate_required)"]
        user "give the client certificate"
        admin "wharf asks as `tls.client_certificates` says; `wharf user certificate` says whose \
            certificate is whose";
    F_16 = "F-16": "a firewall strips AUTH or CCC from the dialogue"
        evidence [
            "AUTH gives 5xx here and 234 from another network",
            "FEAT has lines of `XXXX`",
        ]
        user "use another port, or implicit TLS"
        admin "turn the inspection off";
    F_17 = "F-17": "the handshake stalls because large packets are lost"
        evidence [
            "ClientHello goes out and nothing comes back where a large certificate is expected",
            "a host with a small certificate works",
            "the server gives up after its own timeout (wharf `timeouts.handshake`)",
        ]
        user "lower the MTU"
        admin "let ICMP \"fragmentation needed\" through, or clamp the MSS";
}
