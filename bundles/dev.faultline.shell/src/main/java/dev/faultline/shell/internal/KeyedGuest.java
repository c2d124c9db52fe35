// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal;

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

/** The embedded guest: builds a keyed data set over most of its RAM, then answers requests. See docs/howto/embedded-guest.md. */
record KeyedGuest(Path image) implements DemoGuest {
    private static final Pattern VOLATILE = Pattern.compile("volatile=0x([0-9a-f]+)");
    private static final Duration LIMIT = Duration.ofMinutes(2);

    static KeyedGuest prepare() throws IOException {
        Path p = Files.createTempFile("faultline-keyed", ".elf");
        try (InputStream in = KeyedGuest.class.getResourceAsStream("/guest/keyed.elf")) {
            if (in == null) {
                throw new IOException("the embedded guest is missing from this build");
            }
            Files.copy(in, p, StandardCopyOption.REPLACE_EXISTING);
        }
        return new KeyedGuest(p);
    }

    @Override
    public String name() {
        return "embedded";
    }

    @Override
    public MachineConfig.Boot boot() {
        return new MachineConfig.Boot(image, List.of(), "keys=100000");
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
                line("get 0"),
                line("get 99999"),
                line("sum 0 1999"),
                line("scan 1000 42"),
                line("float 1000"),
                line("put 7 0xdeadbeef"),
                line("get 7"),
                line("sum 0 9"));
    }

    private static Request line(String s) {
        return new Request(s + "\n", "\n", LIMIT);
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
