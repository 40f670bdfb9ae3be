"use strict";

const fs = require("fs");

const [library, tls, version, certificate, port, user, password, verb, ...words] =
    process.argv.slice(1);
const { Client } = require(library);

const verbs = {
    async list(client, folder) {
        for (const entry of await client.list(folder)) console.log(entry.name);
    },
    get: (client, remote, local) => client.downloadTo(local, remote),
    reget: (client, remote, local) => client.downloadTo(local, remote, fs.statSync(local).size),
    // Any number of pairs.
    async put(client, ...pairs) {
        for (let at = 0; at < pairs.length; at += 2) {
            const done = await client.uploadFrom(pairs[at], pairs[at + 1]);
            if (done.code !== 226) throw new Error(done.message);
        }
    },
    async reput(client, local, remote) {
        await client.appendFrom(local, remote, { localStart: await client.size(remote) });
    },
    rename: (client, from, to) => client.rename(from, to),
    delete: (client, remote) => client.remove(remote),
    mkdir: (client, remote) => client.send(`MKD ${remote}`),
    rmdir: (client, remote) => client.removeEmptyDir(remote),
};

async function main() {
    const client = new Client(20_000);
    client.ftp.log = (message) => console.error(message);
    try {
        await client.access({
            host: "127.0.0.1",
            port: Number(port),
            user,
            password,
            secure: tls === "implicit" ? "implicit" : tls === "explicit",
            secureOptions: tls === "none" ? {} : {
                ca: fs.readFileSync(certificate),
                minVersion: `TLSv${version}`,
                maxVersion: `TLSv${version}`,
            },
        });
        await verbs[verb](client, ...words);
    } finally {
        client.close();
    }
}

main().catch((error) => {
    console.error(error);
    process.exitCode = 1;
});
