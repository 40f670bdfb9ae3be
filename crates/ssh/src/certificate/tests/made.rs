use super::*;

/// A certificate to be made, of `keys/ed25519.pub` by `certificates/ca-ed25519`.
pub(super) struct Made {
    pub(super) role: u32,
    pub(super) principals: Vec<&'static [u8]>,
    pub(super) time: (u64, u64),
    pub(super) options: Vec<(&'static str, Vec<u8>)>,
    pub(super) authority: Vec<u8>,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            role: 1,
            principals: vec![b"ann"],
            time: (0, u64::MAX),
            options: Vec::new(),
            authority: wire(data!("certificates/ca-ed25519.pub")),
        }
    }
}

impl Made {
    pub(super) fn wire(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_string(b"ssh-ed25519-cert-v01@openssh.com");
        out.put_string(&[7; 32]);
        out.put_string(&wire(data!("keys/ed25519.pub"))[19..]);
        out.put_u64(0);
        out.put_u32(self.role);
        out.put_string(b"made");
        let mut packed = Vec::new();
        self.principals
            .iter()
            .for_each(|name| packed.put_string(name));
        out.put_string(&packed);
        out.put_u64(self.time.0);
        out.put_u64(self.time.1);
        let mut packed = Vec::new();
        for (name, data) in &self.options {
            packed.put_string(name.as_bytes());
            packed.put_string(data);
        }
        out.put_string(&packed);
        out.put_string(b"");
        out.put_string(b"");
        out.put_string(&self.authority);
        let authority = HostKey::from_openssh(data!("certificates/ca-ed25519")).unwrap();
        let signature = authority.sign("ssh-ed25519", &out).unwrap();
        out.put_string(&signature);
        out
    }

    pub(super) fn judged(&self) -> Result<(), CertificateRefused> {
        let demands = Demands {
            now: NOW,
            principals: &[b"ann"],
            peer: IpAddr::from([127, 0, 0, 1]),
            authorities: &authorities(),
            revoked: &[],
        };
        judge(&Certificate::decode(&self.wire()).unwrap(), &demands)
    }
}
