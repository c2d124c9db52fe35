// SPDX-License-Identifier: Apache-2.0
// Maps, JSON, regular expressions, typed arrays.
let seed = 29;
function random(n) {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % n;
}
const count = new Map();
const things = [];
for (let i = 0; i < 60000; i++) {
    const word = random(5000).toString(36);
    count.set(word, (count.get(word) || 0) + 1);
    things.push({ id: i, word, price: random(1000) / 10 });
}
const again = JSON.parse(JSON.stringify(things));
const cheap = again.filter((t) => t.price < 50).map((t) => t.word).sort().join(' ');
const a = new Float64Array(1 << 16);
let sum = 0;
for (let round = 0; round < 20; round++) {
    for (let i = 0; i < a.length; i++) {
        a[i] = a[i] * 0.5 + i / (round + 1);
        sum += a[i];
    }
}
console.log(count.size, cheap.length, (cheap.match(/\b[a-k]\w*7\b/g) || []).length, sum.toFixed(3));
