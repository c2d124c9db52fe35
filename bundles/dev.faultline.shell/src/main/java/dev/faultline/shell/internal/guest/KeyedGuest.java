// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.guest;

import dev.faultline.api.vm.MachineConfig;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The embedded guest: builds a keyed data set over most of its RAM, then answers requests. See
 * docs/howto/embedded-guest.md.
 */
public record KeyedGuest(Path image, long keys) implements DemoGuest {
    private static final Pattern VOLATILE = Pattern.compile("volatile=0x([0-9a-f]+)");
    private static final long LEAST_KEYS = 2000;
    private static final long MOST_KEYS = 100_000;
    private static final Duration LIMIT = Duration.ofMinutes(2);

    /**
     * @param ramBytes the machine's memory, which decides how many keys there are
     */
    public static KeyedGuest prepare(long ramBytes) throws IOException {
        Path p = Files.createTempFile("faultline-keyed", ".elf");
        try (InputStream in = KeyedGuest.class.getResourceAsStream("/guest/keyed.elf")) {
            if (in == null) {
                throw new IOException("the embedded guest is missing from this build");
            }
            Files.copy(in, p, StandardCopyOption.REPLACE_EXISTING);
        }
        return new KeyedGuest(
                p, Math.min(MOST_KEYS, Math.max(LEAST_KEYS, (ramBytes >>> 20) * 150)));
    }

    @Override
    public String name() {
        return "embedded";
    }

    @Override
    public MachineConfig.Boot boot() {
        return new MachineConfig.Boot(image, List.of(), "keys=" + keys);
    }

    @Override
    public String readyText() {
        return "READY";
    }

    @Override
    public String readyEnd() {
        return "\n";
    }

    @Override
    public Duration bootLimit() {
        return LIMIT;
    }

    @Override
    public List<Request> requests() {
        return List.of(
                line("get 0", "0 96 ok 4db268c1fab25c2d39b8223c7366b1ff"),
                line("get " + (keys - 1), (keys - 1) + " "),
                line("sum 0 1999", "count=2000 bad=0"),
                line("scan 1000 42", "bad=0"),
                line("float 1000", "sse2=401df11f45f4e618 x87=4001ef88fa2fa730cec4"),
                line("put 7 0xdeadbeef", "version=1 checksum=ba4a9994c8ee2416"),
                line("get 7", "7 176 ok efbeadde0000000043a4f521847019f6"),
                line("sum 0 9", "bad=0 total=64b7e16569489a62"));
    }

    private static Request line(String s, String expected) {
        return new Request(s + "\n", "\n", LIMIT, expected);
    }

    @Override
    public Set<Long> volatilePages(String bootOutput) {
        Matcher m = VOLATILE.matcher(bootOutput);
        return m.results()
                .map(r -> Long.parseUnsignedLong(r.group(1), 16) >>> 12)
                .collect(Collectors.toSet());
    }

    @Override
    public String normalise(String answer) {
        return answer;
    }

    @Override
    public void close() throws IOException {
        Files.deleteIfExists(image);
    }
}
