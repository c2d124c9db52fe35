# SPDX-License-Identifier: Apache-2.0
# A cipher, a hash, a key made of a password, and numbers of many words.
prepare() { yes "faultline" | head -c 16000000 >/tmp/data; }
work() {
    openssl enc -aes-128-ctr -K 000102030405060708090a0b0c0d0e0f -iv 0f0e0d0c0b0a09080706050403020100 -in /tmp/data -out /tmp/cipher &&
        openssl dgst -sha3-256 /tmp/cipher &&
        openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt pass:faultline -kdfopt salt:bench -kdfopt iter:100000 PBKDF2 &&
        openssl prime -checks 40 2074722246773485207821695222107608587480996474721117292752992589912196684750549658310084416732550077
}
