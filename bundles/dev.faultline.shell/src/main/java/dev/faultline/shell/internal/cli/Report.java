// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What one command tells scripts with {@code --json FILE}: the facts that it gathered, and how it
 * ended, written once when it has ended, whatever its end was. Any thread.
 */
public final class Report {
    /** Every command that has facts has this option. */
    public static final String OPTION = "--json";

    private final Map<String, @Nullable Object> facts = new LinkedHashMap<>();
    private String reason = "done";

    public synchronized void put(String key, @Nullable Object value) {
        facts.put(key, value);
    }

    public synchronized void putAll(Map<String, ? extends @Nullable Object> all) {
        facts.putAll(all);
    }

    /** The command ended as it should, or as its guest did; {@code why} goes into {@code exit}. */
    public synchronized int end(int code, String why) {
        reason = why;
        return code;
    }

    /**
     * Writes {@code exit} and the facts.
     *
     * @param code what the process exits with
     * @param error the line that said what went wrong, or null
     */
    public synchronized void write(Path file, int code, @Nullable String error) throws IOException {
        Map<String, Object> exit = new LinkedHashMap<>();
        exit.put("code", code);
        exit.put("reason", error == null ? reason : error);
        Map<String, @Nullable Object> all = new LinkedHashMap<>();
        all.put("exit", exit);
        if (error != null) {
            all.put("error", error);
        }
        all.putAll(facts);
        Json.write(file, all);
    }
}
