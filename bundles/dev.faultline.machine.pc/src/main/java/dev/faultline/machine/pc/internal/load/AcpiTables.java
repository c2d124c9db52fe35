// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.load;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * The ACPI tables that firmware would leave (ACPI Specification 6.5, "ACPI Software Programming
 * Model"): where the power management timer, the interrupt controllers and the switch are.
 * Addresses are those of the PC chipset.
 */
final class AcpiTables {
    /**
     * First byte of the area, which the memory map reserves up to 1 MiB; the RSDP is here, where
     * guests search.
     */
    static final long AREA = 0xE_0000;

    private static final int SIGNATURE = 0;
    private static final int LENGTH = 4;
    private static final int REVISION = 8;
    private static final int CHECKSUM = 9;
    private static final int HEADER_BYTES = 36;
    private static final long XSDT = AREA + 0x40;
    private static final long FADT = AREA + 0x100;
    private static final long MADT = AREA + 0x300;
    private static final long DSDT = AREA + 0x600;
    private static final int FADT_BYTES = 268;
    private static final int SCI_IRQ = 9;
    private static final int PM1A_EVENT = 0x600;
    private static final int PM1A_CONTROL = 0x604;
    private static final int PM_TIMER = 0x608;
    private static final int RESET_PORT = 0xCF9;
    private static final int RESET_VALUE = 0x06;
    private static final int CMOS_CENTURY = 0x32;

    /** The sleep type that the PM1a control block takes for S5. */
    private static final int SLEEP_TYPE_S5 = 5;

    /**
     * IAPC_BOOT_ARCH: legacy devices; no VGA. Bit 1 is clear: no keyboard controller worth probing.
     */
    private static final int BOOT_ARCH = 1 | 1 << 2;

    /**
     * WBINVD works; no power button, no sleep button; 32-bit timer; reset register. C1 on all
     * processors.
     */
    private static final int FADT_FLAGS = 1 | 1 << 2 | 1 << 4 | 1 << 5 | 1 << 8 | 1 << 10;

    private static final long LOCAL_APIC = 0xFEE0_0000L;
    private static final int IO_APIC = 0xFEC0_0000;
    private static final int ACTIVE_HIGH_EDGE = 0x5;
    private static final int ACTIVE_HIGH_LEVEL = 0xD;

    private AcpiTables() {}

    /**
     * @return gpa of the RSDP
     */
    static long write(GuestRam ram, int vcpus) {
        put(ram, DSDT, dsdt());
        put(ram, MADT, madt(vcpus));
        put(ram, FADT, fadt());
        ByteBuffer xsdt = table("XSDT", 1, HEADER_BYTES + 16);
        xsdt.putLong(HEADER_BYTES, FADT).putLong(HEADER_BYTES + 8, MADT);
        put(ram, XSDT, sealed(xsdt));
        byte[] rsdp = rsdp();
        put(ram, AREA, rsdp);
        return AREA;
    }

    private static void put(GuestRam ram, long gpa, byte[] table) {
        ram.write(gpa, table, 0, table.length);
    }

    private static ByteBuffer table(String signature, int revision, int bytes) {
        ByteBuffer t = Bytes.wrap(new byte[bytes]);
        t.put(SIGNATURE, ascii(signature, 4));
        t.putInt(LENGTH, bytes);
        t.put(REVISION, (byte) revision);
        t.put(10, ascii("FAULTL", 6)); // OEM id
        t.put(16, ascii("FAULTLPC", 8)); // OEM table id
        t.putInt(24, 1); // OEM revision
        t.put(28, ascii("FLTL", 4)); // creator id
        t.putInt(32, 1); // creator revision
        return t;
    }

    private static byte[] ascii(String s, int length) {
        byte[] padded = new byte[length];
        byte[] b = s.getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(b, 0, padded, 0, Math.min(length, b.length));
        return padded;
    }

    private static byte[] sealed(ByteBuffer t) {
        t.put(CHECKSUM, (byte) -sum(t.array(), t.capacity()));
        return t.array();
    }

    private static int sum(byte[] b, int bytes) {
        int sum = 0;
        for (int i = 0; i < bytes; i++) {
            sum += b[i];
        }
        return sum;
    }

    private static byte[] rsdp() {
        ByteBuffer r = Bytes.wrap(new byte[36]);
        r.put(0, "RSD PTR ".getBytes(StandardCharsets.US_ASCII));
        r.put(9, ascii("FAULTL", 6));
        r.put(15, (byte) 2); // revision: there is an XSDT
        r.putInt(20, 36);
        r.putLong(24, XSDT);
        r.put(8, (byte) -sum(r.array(), 20));
        r.put(32, (byte) -sum(r.array(), 36));
        return r.array();
    }

    private static byte[] fadt() {
        ByteBuffer f = table("FACP", 5, FADT_BYTES);
        f.putInt(40, (int) DSDT);
        f.putShort(46, (short) SCI_IRQ);
        f.putInt(56, PM1A_EVENT);
        f.putInt(64, PM1A_CONTROL);
        f.putInt(76, PM_TIMER);
        f.put(88, (byte) 4); // PM1_EVT_LEN
        f.put(89, (byte) 2); // PM1_CNT_LEN
        f.put(91, (byte) 4); // PM_TMR_LEN
        f.putShort(96, (short) 0xFFFF); // P_LVL2_LAT: no C2
        f.putShort(98, (short) 0xFFFF); // P_LVL3_LAT: no C3
        f.put(108, (byte) CMOS_CENTURY);
        f.putShort(109, (short) BOOT_ARCH);
        f.putInt(112, FADT_FLAGS);
        address(f, 116, RESET_PORT, 8, 1);
        f.put(128, (byte) RESET_VALUE);
        f.putLong(140, DSDT);
        address(f, 148, PM1A_EVENT, 32, 2);
        address(f, 172, PM1A_CONTROL, 16, 2);
        address(f, 208, PM_TIMER, 32, 3);
        return sealed(f);
    }

    /** Generic address structure in I/O space. */
    private static void address(ByteBuffer f, int at, int port, int bits, int accessSize) {
        f.put(at, (byte) 1);
        f.put(at + 1, (byte) bits);
        f.put(at + 3, (byte) accessSize);
        f.putLong(at + 4, port);
    }

    private static byte[] madt(int vcpus) {
        ByteArrayOutputStream entries = new ByteArrayOutputStream();
        for (int i = 0; i < vcpus; i++) {
            entries.writeBytes(
                    new byte[] {0, 8, (byte) i, (byte) i, 1, 0, 0, 0}); // local APIC, enabled
        }
        ByteBuffer io = Bytes.wrap(new byte[12]);
        io.put(0, (byte) 1).put(1, (byte) 12).putInt(4, IO_APIC); // id 0, first GSI 0
        entries.writeBytes(io.array());
        override(entries, 0, 2, ACTIVE_HIGH_EDGE);
        override(entries, SCI_IRQ, SCI_IRQ, ACTIVE_HIGH_LEVEL);
        ByteBuffer m = table("APIC", 3, HEADER_BYTES + 8 + entries.size());
        m.putInt(36, (int) LOCAL_APIC);
        m.putInt(40, 1); // PCAT_COMPAT: two 8259s besides
        m.put(44, entries.toByteArray());
        return sealed(m);
    }

    private static void override(ByteArrayOutputStream entries, int irq, int input, int flags) {
        ByteBuffer o = Bytes.wrap(new byte[10]);
        o.put(0, (byte) 2)
                .put(1, (byte) 10)
                .put(3, (byte) irq)
                .putInt(4, input)
                .putShort(8, (short) flags);
        entries.writeBytes(o.array());
    }

    /**
     * AML (ACPI Specification 6.5, "ACPI Machine Language (AML) Specification"):
     *
     * <pre>Name (\_S5, Package () { 5, 5, 0, 0 })</pre>
     */
    private static byte[] dsdt() {
        byte[] aml = {
            0x08,
            '_',
            'S',
            '5',
            '_', // NameOp "_S5_"
            0x12,
            0x08,
            0x04, // PackageOp, PkgLength 8 (itself, the count, the elements), 4 elements
            0x0A,
            SLEEP_TYPE_S5,
            0x0A,
            SLEEP_TYPE_S5, // BytePrefix 5, twice: PM1a, PM1b
            0x00,
            0x00, // ZeroOp
        };
        ByteBuffer d = table("DSDT", 2, HEADER_BYTES + aml.length);
        d.put(HEADER_BYTES, aml);
        return sealed(d);
    }
}
