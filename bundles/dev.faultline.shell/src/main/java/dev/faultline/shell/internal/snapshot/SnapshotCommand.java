// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.snapshot;

import dev.faultline.api.snapshot.PageMap;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotInfo;
import dev.faultline.api.snapshot.SnapshotService;
import dev.faultline.shell.internal.cli.ExitCode;
import dev.faultline.shell.internal.cli.Place;
import dev.faultline.shell.internal.cli.Progress;
import dev.faultline.shell.internal.cli.Report;
import dev.faultline.shell.internal.cli.Services;
import dev.faultline.shell.internal.cli.Sizes;
import dev.faultline.shell.internal.picture.SnapshotPicture;
import dev.faultline.shell.internal.restore.RestoreCommand;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code snapshot save|list|show|verify|compact|delete|clean}. */
@Command(
        name = "snapshot",
        description = "Snapshots on disk.",
        subcommands = {SaveCommand.class})
public final class SnapshotCommand implements Runnable {
    private final Services services;
    @Spec private CommandSpec spec;

    /** Facts for scripts, as all of them have it. */
    static final class Facts {
        @Option(
                names = Report.OPTION,
                paramLabel = "FILE",
                description = "write the facts for scripts")
        private @Nullable Path json;

        private final Report report;

        Facts(Services services) {
            report = services.report();
        }

        void put(String key, @Nullable Object value) {
            report.put(key, value);
        }
    }

    SnapshotCommand(Services services) {
        this.services = services;
    }

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(),
                "what to do is missing: snapshot save IMAGE DIR --when TEXT, or list|compact|delete|clean DIR, or show|verify DIR|URI");
    }

    // ---- list and show

    @Command(name = "list", description = "The snapshots in a directory.")
    int list(@Parameters(paramLabel = "DIR") Path dir, @Mixin Facts facts)
            throws IOException, SnapshotException {
        List<Object> all = new ArrayList<>();
        for (SnapshotService.Listed l : services.snapshots().list(dir)) {
            Map<String, @Nullable Object> m = new LinkedHashMap<>();
            SnapshotInfo i = l.info();
            if (i == null) {
                services.out()
                        .printf(
                                "%-30s  %s: %s%n",
                                l.dir().getFileName(),
                                l.unfinished() ? "unfinished" : "unreadable",
                                l.error());
                m.put("path", l.dir());
                m.put("error", l.error());
                m.put("unfinished", l.unfinished());
            } else {
                services.out()
                        .printf(
                                "%-30s  %s  RAM %9s  on disk %9s  %s%s  id %s%n",
                                l.dir().getFileName(),
                                i.created(),
                                Sizes.bytes(i.config().ramBytes()),
                                Sizes.bytes(i.bytes()),
                                i.config().name(),
                                i.recorded() ? ", recorded" : "",
                                i.id());
                describe(i, m::put);
            }
            all.add(m);
        }
        if (all.isEmpty()) {
            services.err().println("faultline: no snapshots in " + dir);
        }
        facts.put("snapshots", all);
        return ExitCode.DONE;
    }

    private static void describe(SnapshotInfo i, BiConsumer<String, @Nullable Object> to) {
        to.accept("path", i.dir());
        to.accept("id", i.id());
        to.accept("parent", i.parentId());
        to.accept("created", i.created());
        to.accept("machine", i.config().name());
        to.accept("ramBytes", i.config().ramBytes());
        to.accept("vcpus", i.config().vcpus());
        to.accept("devices", i.config().devices());
        to.accept("bytes", i.bytes());
        to.accept("pages", i.pages());
        to.accept("zeroPages", i.zeroPages());
        to.accept("recorded", i.recorded());
    }

    @Command(name = "show", description = "What a snapshot holds, and where.")
    int show(
            @Parameters(paramLabel = "DIR|URI", converter = Place.Converter.class) Place place,
            @Option(
                            names = "--picture",
                            paramLabel = "FILE",
                            description = "also draw the pages there: a .png or .svg")
                    @Nullable Path picture,
            @Mixin Facts facts)
            throws IOException, SnapshotException {
        if (picture != null) {
            SnapshotPicture.checkName(picture);
        }
        SnapshotInfo i = services.snapshots().info(place.uri());
        SnapshotPicture p = SnapshotPicture.of(services.snapshots(), i, place);
        line(i.dir() == null ? "place" : "directory", place);
        line("id", i.id());
        line("parent", i.parentId() == null ? "none" : i.parentId());
        line("created", i.created());
        line("machine", i.config().name());
        line("RAM", Sizes.bytes(i.config().ramBytes()));
        line("vCPUs", i.config().vcpus());
        line(i.dir() == null ? "stored" : "on disk", Sizes.bytes(i.bytes()));
        line(
                "pages",
                String.format(Locale.ROOT, "%,d, of them all zero %,d", i.pages(), i.zeroPages()));
        line("recorded working set", i.recorded() ? "%,d pages".formatted(p.workingSet()) : "none");
        services.out().println();
        services.out().print(p.text(services.out()));
        describe(i, facts::put);
        facts.put("path", place);
        facts.put("workingSetPages", p.workingSet());
        facts.put("pageKinds", kinds(p.map()));
        if (picture != null) {
            p.write(picture);
            services.out().println("picture: " + picture);
            facts.put("picture", picture);
        }
        return ExitCode.DONE;
    }

    private static Map<String, Object> kinds(PageMap map) {
        String[] names = {"zero", "shared", "pattern", "private", "unreadable"};
        Map<String, Object> out = new LinkedHashMap<>();
        for (int k = 0; k < names.length; k++) {
            out.put(names[k], (long) map.count(k, 0, map.pages()));
        }
        return out;
    }

    private void line(String key, Object value) {
        services.out().printf("%-22s %s%n", key, value);
    }

    // ---- verify, compact, delete

    @Command(name = "verify", description = "Reads and checks every page.")
    int verify(
            @Parameters(paramLabel = "DIR|URI", converter = Place.Converter.class) Place place,
            @Option(
                            names = "--id",
                            paramLabel = "ID",
                            description =
                                    "check this snapshot and no other: what show calls its id")
                    @Nullable String id,
            @Mixin Facts facts)
            throws IOException, SnapshotException {
        String wanted = RestoreCommand.demanded(id);
        long begin = System.nanoTime();
        long n;
        try (Progress p = new Progress(services.err())) {
            n = services.snapshots().verify(place.uri(), wanted, services.telling(p, "verifying"));
        }
        double millis = Sizes.millis(System.nanoTime() - begin);
        services.out()
                .printf(
                        Locale.ROOT,
                        "%s: %,d pages, %s, are good; checked in %s%n",
                        place,
                        n,
                        Sizes.bytes(n << 12),
                        Sizes.millis(millis));
        facts.put("path", place);
        facts.put("pages", n);
        facts.put("verifyMillis", millis);
        return ExitCode.DONE;
    }

    @Command(
            name = "compact",
            description =
                    "Takes in what the snapshot shares with its parents: it stands alone then.")
    int compact(@Parameters(paramLabel = "DIR") Path dir, @Mixin Facts facts)
            throws IOException, SnapshotException {
        long before = services.snapshots().info(dir).bytes();
        SnapshotInfo i;
        try (Progress p = new Progress(services.err())) {
            i = services.snapshots().compact(dir, services.telling(p, "compacting"));
        }
        services.out()
                .println(
                        "%s stands alone: %s, before %s; took %s"
                                .formatted(
                                        dir,
                                        Sizes.bytes(i.bytes()),
                                        Sizes.bytes(before),
                                        Sizes.millis(Sizes.millis(i.saveNanos()))));
        describe(i, facts::put);
        facts.put("bytesBefore", before);
        facts.put("compactMillis", Sizes.millis(i.saveNanos()));
        return ExitCode.DONE;
    }

    @Command(
            name = "delete",
            description = "Deletes a snapshot, unless another one beside it refers to it.")
    int delete(@Parameters(paramLabel = "DIR") Path dir, @Mixin Facts facts)
            throws IOException, SnapshotException {
        services.snapshots().delete(dir);
        services.out().println("deleted " + dir);
        facts.put("deleted", dir);
        return ExitCode.DONE;
    }

    @Command(
            name = "clean",
            description =
                    "Deletes what saves that were killed have left in a directory (list shows it).")
    int clean(@Parameters(paramLabel = "DIR") Path dir, @Mixin Facts facts)
            throws IOException, SnapshotException {
        List<Path> gone = services.snapshots().clean(dir);
        gone.forEach(p -> services.out().println("deleted " + p));
        if (gone.isEmpty()) {
            services.out().println("nothing was left in " + dir);
        }
        facts.put("deleted", gone);
        return ExitCode.DONE;
    }
}
