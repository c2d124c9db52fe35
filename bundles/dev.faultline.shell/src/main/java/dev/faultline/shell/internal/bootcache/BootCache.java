// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.bootcache;

import dev.faultline.api.snapshot.SnapshotService;
import dev.faultline.shell.internal.disk.UserCache;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Modified;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;

/** What an operator sets of the boot cache, and the store that it makes. Any thread. */
@Component(service = BootCache.class, configurationPid = BootCache.PID)
@Designate(ocd = BootCache.Config.class)
public final class BootCache {
    public static final String PID = "dev.faultline.shell.bootcache";

    private static final long MAX_MIB = 1L << 30;
    private static final long MAX_SECONDS = 1_000_000;

    /** A change holds for commands that begin later. */
    @ObjectClassDefinition(
            id = PID,
            name = "Faultline boot cache",
            description =
                    "Guests as they were when they first waited for input, so that the next start resumes there")
    public @interface Config {
        @AttributeDefinition(
                name = "Enabled",
                description =
                        "Whether run uses the boot cache without --boot-cache; --no-boot-cache does not then")
        boolean enabled() default false;

        @AttributeDefinition(
                name = "Directory",
                description =
                        "Where entries are kept, for their owner alone; empty: boot below the user's cache")
        String directory() default "";

        @AttributeDefinition(
                name = "Limit",
                description =
                        "MiB that all entries may have together; those that were not used for longest go first",
                min = "1",
                max = "1073741824")
        long limit() default 4096;

        @AttributeDefinition(
                name = "Patience",
                description =
                        "Seconds of guest time for which input that comes before a guest waits for it is held; then the guest gets it, and is not stored",
                min = "1",
                max = "1000000")
        long patience() default 60;
    }

    private final SnapshotService snapshots;
    private final BundleContext context;
    private volatile Config config;

    @Activate
    public BootCache(
            @Reference(name = "snapshots") SnapshotService snapshots,
            BundleContext context,
            Config config) {
        this.snapshots = snapshots;
        this.context = context;
        this.config = config;
    }

    @Modified
    void modified(Config next) {
        config = next;
    }

    /** Whether a run uses it that does not say. */
    public boolean enabled() {
        return config.enabled();
    }

    /** Seconds of guest time for which early input is held. */
    public long patienceSeconds() {
        return Math.clamp(config.patience(), 1, MAX_SECONDS);
    }

    /**
     * The entries in the configured directory, which need not be there yet.
     *
     * @throws IOException if what is configured is no name of a directory
     */
    public BootStore store() throws IOException {
        Config c = config;
        Path root;
        try {
            root = c.directory().isBlank() ? UserCache.folder("boot") : Path.of(c.directory());
        } catch (InvalidPathException e) {
            throw new IOException(
                    "configuration %s: directory=%s: expected the name of a directory: %s"
                            .formatted(PID, c.directory(), e.getReason()),
                    e);
        }
        return new BootStore(
                root.toAbsolutePath(), Math.clamp(c.limit(), 1, MAX_MIB) << 20, snapshots);
    }

    /** The program as a part of a key: an update of any bundle is another one. */
    public String product() throws IOException {
        return Product.of(context.getBundles());
    }

    /** The format of entries' snapshots, as a part of a key. */
    public int snapshotFormat() {
        return snapshots.formatVersion();
    }
}
