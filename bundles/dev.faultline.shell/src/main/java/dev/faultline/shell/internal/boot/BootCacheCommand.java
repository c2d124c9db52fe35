// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.boot;

import dev.faultline.shell.internal.bootcache.BootEntry;
import dev.faultline.shell.internal.bootcache.BootKey;
import dev.faultline.shell.internal.bootcache.BootStore;
import dev.faultline.shell.internal.cli.ExitCode;
import dev.faultline.shell.internal.cli.Report;
import dev.faultline.shell.internal.cli.Services;
import dev.faultline.shell.internal.cli.Sizes;
import java.io.IOException;
import java.nio.file.Path;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code boot-cache list|clear}. */
@Command(name = "boot-cache", description = "The boots that run --boot-cache has stored.")
public final class BootCacheCommand implements Runnable {
    private static final String ROW = "%-12s  %-20s  %9s  %9s  %s%n";

    private final Services services;
    @Spec private CommandSpec spec;

    BootCacheCommand(Services services) {
        this.services = services;
    }

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(), "what to do is missing: boot-cache list, or boot-cache clear");
    }

    @Command(name = "list", description = "The stored boots, the last used first.")
    int list(
            @Option(
                            names = Report.OPTION,
                            paramLabel = "FILE",
                            description = "write the facts for scripts")
                    @Nullable Path json)
            throws IOException {
        BootStore store = services.bootCache().store();
        List<Object> all = new ArrayList<>();
        long bytes = 0;
        for (BootStore.Listed l : store.list()) {
            if (all.isEmpty()) {
                services.out().printf(ROW, "KEY", "LAST USED", "ON DISK", "RAM", "BOOT");
            }
            BootEntry e = l.entry();
            bytes += e == null ? 0 : e.bytes();
            all.add(e == null ? damaged(l) : whole(e));
        }
        if (all.isEmpty()) {
            services.err().println("faultline: no boots are stored in " + store.root());
        } else {
            services.out()
                    .printf(
                            "%s of at most %s in %s%n",
                            Sizes.bytes(bytes), Sizes.bytes(store.limit()), store.root());
        }
        put(store, bytes);
        services.report().put("entries", all);
        return ExitCode.DONE;
    }

    private Map<String, @Nullable Object> damaged(BootStore.Listed l) {
        services.out()
                .printf(
                        ROW,
                        BootKey.shortened(l.key()),
                        "damaged",
                        "",
                        "",
                        l.error() + "; its next use removes it");
        Map<String, @Nullable Object> m = new LinkedHashMap<>();
        m.put("key", l.key());
        m.put("path", l.dir());
        m.put("error", l.error());
        return m;
    }

    private Map<String, @Nullable Object> whole(BootEntry e) {
        Map<String, String> f = e.facts();
        services.out()
                .printf(
                        ROW,
                        BootKey.shortened(e.key()),
                        e.used().truncatedTo(ChronoUnit.SECONDS),
                        Sizes.bytes(e.bytes()),
                        ram(f),
                        String.join(
                                        " ",
                                        f.getOrDefault("image", ""),
                                        f.getOrDefault("initrd", ""),
                                        f.getOrDefault("append", ""))
                                .strip());
        Map<String, @Nullable Object> m = new LinkedHashMap<>();
        m.put("key", e.key());
        m.put("path", e.dir());
        m.put("created", e.created());
        m.put("used", e.used());
        m.put("bytes", e.bytes());
        m.put("boot", f);
        return m;
    }

    /** Others may have written it: what is no number is shown as it is. */
    private static String ram(Map<String, String> facts) {
        String bytes = facts.getOrDefault("memory", "");
        return bytes.matches("\\d{1,18}") ? Sizes.bytes(Long.parseLong(bytes)) : bytes;
    }

    @Command(name = "clear", description = "Removes all stored boots that no guest runs from.")
    int clear(
            @Option(
                            names = Report.OPTION,
                            paramLabel = "FILE",
                            description = "write the facts for scripts")
                    @Nullable Path json)
            throws IOException {
        BootStore store = services.bootCache().store();
        BootStore.Cleared c = store.clear();
        services.out()
                .println(
                        c.removed() == 0 && c.inUse().isEmpty()
                                ? "no boots are stored in " + store.root()
                                : "removed %d, %s, from %s"
                                        .formatted(
                                                c.removed(), Sizes.bytes(c.bytes()), store.root()));
        for (String key : c.inUse()) {
            services.out()
                    .println(
                            BootKey.shortened(key)
                                    + " stays: a guest runs from it; clear again when that has ended");
        }
        put(store, c.bytes());
        services.report().put("removed", c.removed());
        services.report().put("inUse", c.inUse());
        return ExitCode.DONE;
    }

    private void put(BootStore store, long bytes) {
        services.report().put("directory", store.root());
        services.report().put("limitBytes", store.limit());
        services.report().put("bytes", bytes);
    }
}
