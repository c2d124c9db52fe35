// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.bootcache;

import dev.faultline.api.vm.MachineConfig;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What makes two boots the same boot. Immutable.
 *
 * @param hex 64 hexadecimal digits: SHA-256 over all of it
 * @param facts what people are told of it, by name
 */
public record BootKey(String hex, Map<String, String> facts) {
    /** Changes whenever the meaning of a key, or what an entry holds, does. */
    private static final int VERSION = 1;

    private static final Pattern HEX = Pattern.compile("[0-9a-f]{64}");
    private static final int SHORT = 12;

    public BootKey {
        facts = Collections.unmodifiableMap(new TreeMap<>(facts));
    }

    /**
     * @param product which program boots it ({@link BootCache#product})
     * @param snapshotFormat in which format it is saved
     * @param machine its name and fault style do not count, for the guest does not see them
     * @param cpu the CPU's model: the engine, of which each has one
     * @param when the text that the guest sends last; null: until it waits for input
     */
    public static BootKey of(
            String product,
            int snapshotFormat,
            BootFiles files,
            MachineConfig machine,
            String cpu,
            @Nullable String when) {
        Map<String, String> all = new LinkedHashMap<>();
        all.put("version", String.valueOf(VERSION));
        all.put("product", product);
        all.put("snapshotFormat", String.valueOf(snapshotFormat));
        for (int i = 0; i < files.digests().size(); i++) {
            all.put("file" + i, files.digests().get(i));
        }
        Map<String, String> seen = new LinkedHashMap<>();
        seen.put("append", files.boot().commandLine());
        seen.put("memory", String.valueOf(machine.ramBytes()));
        seen.put("vcpus", String.valueOf(machine.vcpus()));
        seen.put("cpu", cpu);
        for (int i = 0; i < machine.devices().size(); i++) {
            seen.put("device" + i, machine.devices().get(i));
        }
        if (when != null) {
            seen.put("when", when);
        }
        all.putAll(seen);
        // For people only: the names are not what is hashed.
        seen.put("image", files.boot().image().toString());
        seen.put(
                "initrd",
                files.boot().modules().stream()
                        .map(String::valueOf)
                        .collect(Collectors.joining(" ")));
        return new BootKey(hash(all), seen);
    }

    /** Each name and value with its length before it, so that no two lists are the same bytes. */
    private static String hash(Map<String, String> all) {
        MessageDigest sha = BootFiles.sha256();
        all.forEach((name, value) -> {
            for (String s : new String[] {name, value}) {
                byte[] b = s.getBytes(StandardCharsets.UTF_8);
                sha.update(ByteBuffer.allocate(Integer.BYTES).putInt(0, b.length));
                sha.update(b);
            }
        });
        return HexFormat.of().formatHex(sha.digest());
    }

    /** Whether it is the text of a key. */
    static boolean isHex(String s) {
        return HEX.matcher(s).matches();
    }

    /** As much of it as people need to tell keys apart. */
    public static String shortened(String hex) {
        return hex.substring(0, SHORT);
    }
}
