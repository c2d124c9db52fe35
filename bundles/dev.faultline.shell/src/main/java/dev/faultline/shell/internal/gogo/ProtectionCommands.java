// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.gogo;

import static dev.faultline.shell.internal.gogo.CommandFailed.orLine;

import dev.faultline.api.address.Page;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.MachineStatistics;
import dev.faultline.shell.internal.cli.Sizes;
import java.util.List;
import java.util.Locale;
import org.apache.felix.service.command.Descriptor;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/**
 * {@code vm:protect}, {@code vm:rights}, {@code vm:faults} and {@code vm:slots}: a guest's memory
 * and who may touch it.
 */
@Component(
        service = ProtectionCommands.class,
        property = {
            "osgi.command.scope=vm",
            "osgi.command.function=protect",
            "osgi.command.function=rights",
            "osgi.command.function=faults",
            "osgi.command.function=slots"
        })
public final class ProtectionCommands {
    private static final int MOST_RUNS = 100;
    private final Guests guests;

    @Activate
    public ProtectionCommands(@Reference(name = "guests") Guests guests) {
        this.guests = guests;
    }

    @Descriptor(
            "sets the user's rights of the pages that a range touches; a guest that is stopped there goes on with vm:resume")
    public String protect(
            @Descriptor("machine") String name,
            @Descriptor("first byte, e.g. 0x100000") String gpa,
            @Descriptor("size, e.g. 4K") String size,
            @Descriptor("rights: none, or letters of rwx") String rights) {
        return orLine(() -> {
            ProtectionLayer user = guests.get(name).machine().protection().userLayer();
            user.protect(address(gpa), size(size), parseRights(rights));
            return "%s: the user's layer now restricts %,d pages"
                    .formatted(name, user.restrictedPages());
        });
    }

    @Descriptor("shows a machine's protection layers and the pages that are restricted")
    public String rights(@Descriptor("machine") String name) {
        return orLine(() -> {
            return rights(name, "0", "0");
        });
    }

    @Descriptor("shows the effective rights of a range")
    public String rights(
            @Descriptor("machine") String name,
            @Descriptor("first byte, e.g. 0x100000") String gpa,
            @Descriptor("size, e.g. 1M; 0: all") String size) {
        return orLine(() -> {
            var machine = guests.get(name).machine();
            RamProtection protection = machine.protection();
            Table layers = new Table("LAYER", "RESTRICTED PAGES>", "HANDLER");
            for (ProtectionLayer l : protection.layers()) {
                Object handler = protection.handlerOf(l);
                layers.row(
                        l.name(),
                        "%,d".formatted(l.restrictedPages()),
                        handler == null ? "-" : handler.getClass().getSimpleName());
            }
            long bytes = size(size);
            long first = Page.gfn(address(gpa));
            long end =
                    bytes == 0
                            ? Page.gfn(machine.memory().highestMapped())
                            : Page.gfn(address(gpa) + bytes + Page.OFFSET_MASK);
            return layers + "\n\n" + runs(protection, first, end);
        });
    }

    /** Runs of pages of equal rights; pages that no layer restricts are left out. */
    private static String runs(RamProtection protection, long first, long end) {
        Table t = new Table("GPA", "END", "PAGES>", "RIGHTS");
        int runs = 0;
        long gfn = nextRestricted(protection, first);
        while (gfn >= 0 && gfn < end) {
            int rights = protection.rightsOf(gfn);
            long from = gfn;
            while (gfn < end && protection.rightsOf(gfn) == rights) {
                gfn++;
            }
            if (rights != Rights.RWX) {
                if (runs++ == MOST_RUNS) {
                    return t + "\n... and more; ask for a range: vm:rights NAME GPA SIZE";
                }
                t.row(
                        hex(Page.gpa(from)),
                        hex(Page.gpa(gfn) - 1),
                        "%,d".formatted(gfn - from),
                        Rights.toString(rights));
            }
            gfn = nextRestricted(protection, gfn);
        }
        return t.isEmpty() ? "no page of the range is restricted" : t.toString();
    }

    private static long nextRestricted(RamProtection protection, long gfn) {
        long next = -1;
        for (ProtectionLayer l : protection.layers()) {
            long n = l.nextRestricted(gfn);
            if (n >= 0 && (next < 0 || n < next)) {
                next = n;
            }
        }
        return next;
    }

    @Descriptor("counts the accesses that protection stopped, by origin and by kind")
    public String faults(@Descriptor("machine") String name) {
        return orLine(() -> {
            MachineStatistics s = guests.get(name).machine().statistics();
            Table t = new Table("FAULTS", "COUNT>");
            for (FaultOrigin o : FaultOrigin.values()) {
                t.row(
                        o.name().toLowerCase(Locale.ROOT).replace('_', ' '),
                        "%,d".formatted(s.faultsByOrigin().getOrDefault(o, 0L)));
            }
            s.faultsByAccess()
                    .forEach((access, n) -> t.row("access " + access, "%,d".formatted(n)));
            t.row("resolved by handlers", "%,d".formatted(s.resolvedByHandlers()));
            t.row("all", "%,d".formatted(s.faults()));
            return t.toString();
        });
    }

    @Descriptor("shows what backs a machine's guest-physical addresses")
    public String slots(@Descriptor("machine") String name) {
        return orLine(() -> {
            Table t = new Table("GPA", "END", "SIZE>", "KIND", "BLOCK", "OFFSET");
            List<MemorySlot> slots = guests.get(name).machine().memory().slots();
            for (MemorySlot s : slots) {
                t.row(
                        hex(s.gpa()),
                        hex(s.end() - 1),
                        Sizes.bytes(s.size()),
                        s.readOnly() ? "ROM" : "RAM",
                        s.block().name(),
                        hex(s.offset()));
            }
            return t.isEmpty() ? name + " has no memory slots" : t.toString();
        });
    }

    private static String hex(long v) {
        return "0x%09x".formatted(v);
    }

    static long address(String s) {
        try {
            return s.matches("0[xX].+")
                    ? Long.parseUnsignedLong(s.substring(2), 16)
                    : Long.parseLong(s);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(
                    "'" + s + "' is not an address: expected e.g. 0x100000", e);
        }
    }

    static long size(String s) {
        return s.matches("0[xX].+") ? address(s) : Sizes.parse(s);
    }

    /** {@code none}, or letters of {@code rwx} in any order, with dashes for those that lack. */
    static int parseRights(String s) {
        String lower = s.toLowerCase(Locale.ROOT);
        if (lower.equals("none")) {
            return Rights.NONE;
        }
        if (!lower.matches("[rwx-]{1,3}")) {
            throw new IllegalArgumentException(
                    "'" + s + "' are no rights: expected none, or letters of rwx, e.g. r-x");
        }
        return (lower.indexOf('r') >= 0 ? Rights.R : 0)
                | (lower.indexOf('w') >= 0 ? Rights.W : 0)
                | (lower.indexOf('x') >= 0 ? Rights.X : 0);
    }
}
