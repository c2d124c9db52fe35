// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.boot;

import dev.faultline.shell.internal.bootcache.BootCache;
import dev.faultline.shell.internal.cli.UsageException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Whether and when {@code run} uses the boot cache. */
final class BootCacheOptions {
    @Option(
            names = "--boot-cache",
            negatable = true,
            description =
                    "resume the boot where an earlier run of the same guest stored it, or store it when the guest first waits for input (default: what is configured, off as shipped)")
    private @Nullable Boolean asked;

    @Option(
            names = "--boot-cache-when",
            paramLabel = "TEXT",
            description = "as --boot-cache, but store it when the guest has sent TEXT")
    private @Nullable String when;

    void check() {
        if (when != null && Boolean.FALSE.equals(asked)) {
            throw new UsageException(
                    "--boot-cache-when '%s' stores the boot, --no-boot-cache does not: leave one of them out"
                            .formatted(when));
        }
        if (when != null && when.isEmpty()) {
            throw new UsageException(
                    "--boot-cache-when '': expected a text that the guest sends, for example its prompt");
        }
    }

    /** Whether the person asked for it, and not only the configuration. */
    boolean asked() {
        return Boolean.TRUE.equals(asked) || when != null;
    }

    boolean wanted(BootCache cache) {
        return asked() || asked == null && cache.enabled();
    }

    @Nullable String when() {
        return when;
    }
}
