// Seals a UNV1 object outside Python: what a browser that records voices would do.
//
//   npm install hpke@1.1.7 @panva/hpke-noble@1.0.3
//   node seal.mjs PUBLIC_KEY_HEX CONTEXT_JSON PLAINTEXT_HEX     prints the sealed object in hex
//
// CONTEXT_JSON goes into the header as it is given, so it has to be in RFC 8785 form already.

import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256 } from "hpke";
import { KEM_MLKEM768_X25519 } from "@panva/hpke-noble";

const MAGIC = "UNV1";
const SUITE_IDS = [0x647a, 0x0001, 0x0002];
const KEY_ID_BYTES = 16;

const suite = new CipherSuite(KEM_MLKEM768_X25519, KDF_HKDF_SHA256, AEAD_AES_256_GCM);

function u16(value) {
  return Uint8Array.of(value >> 8, value & 0xff);
}

function join(...parts) {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

async function header(publicKey, context) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", publicKey));
  const text = new TextEncoder().encode(context);
  return join(
    new TextEncoder().encode(MAGIC),
    ...SUITE_IDS.map(u16),
    digest.slice(0, KEY_ID_BYTES),
    u16(text.length),
    text,
  );
}

export async function seal(publicKey, context, plaintext) {
  const info = await header(publicKey, context);
  const recipient = await suite.DeserializePublicKey(publicKey);
  const { encapsulatedSecret, ciphertext } = await suite.Seal(recipient, plaintext, { info });
  return join(info, encapsulatedSecret, ciphertext);
}

const [publicKey, context, plaintext] = process.argv.slice(2);
const fromHex = (hex) => new Uint8Array(Buffer.from(hex, "hex"));
const sealed = await seal(fromHex(publicKey), context, fromHex(plaintext));
console.log(Buffer.from(sealed).toString("hex"));
