// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal;

import dev.faultline.api.cpu.InterruptPort;
import dev.faultline.api.device.Board;
import dev.faultline.api.device.Chipset;
import dev.faultline.api.device.ChipsetHost;
import dev.faultline.api.device.Device;
import dev.faultline.api.device.InterruptLine;
import dev.faultline.api.vm.SerialConsole;
import dev.faultline.device.pc.internal.acpi.AcpiPm;
import dev.faultline.device.pc.internal.apic.ApicBus;
import dev.faultline.device.pc.internal.cmos.Cmos;
import dev.faultline.device.pc.internal.debugexit.DebugExit;
import dev.faultline.device.pc.internal.ferr.CoprocessorError;
import dev.faultline.device.pc.internal.i8042.KeyboardController;
import dev.faultline.device.pc.internal.ioapic.IoApic;
import dev.faultline.device.pc.internal.pci.PciHostBridge;
import dev.faultline.device.pc.internal.pic8259.PicPair;
import dev.faultline.device.pc.internal.pit8254.Pit8254;
import dev.faultline.device.pc.internal.uart16550.Uart16550;
import java.util.ArrayList;
import java.util.List;

/**
 * The PC's chips and the wires between them.
 *
 * <p>Lock order: the board's lock of a device, then the one lock of all interrupt controllers, then
 * the board's timer queue. A controller never calls another device.
 */
public final class PcChipset implements Chipset {
    static final int LINES = 24;
    private static final int IRQ_TIMER = 0;
    private static final int IRQ_KEYBOARD = 1;
    private static final int IRQ_CASCADE = 2;
    private static final int IRQ_SERIAL = 4;
    private static final int IRQ_RTC = 8;
    private static final int IRQ_SCI = 9;
    private static final int IRQ_MOUSE = 12;
    private static final int IRQ_COPROCESSOR = 13;
    private static final int ISA_LINES = 16;

    /** The timer's IOAPIC input; the machine's MADT says so. */
    private static final int TIMER_INPUT = 2;

    private static final int COM1 = 0x3F8;

    private final Object lock = new Object();
    private final List<Device> devices = new ArrayList<>();
    private final PicPair pic;
    private final ApicBus apics;
    private final IoApic ioapic;
    private final Uart16550 uart;

    /**
     * @param epochSecond what the real-time clock shows at first
     */
    public PcChipset(Board board, ChipsetHost host, int vcpus, long ramBytes, long epochSecond) {
        apics = new ApicBus(board, host, lock, vcpus);
        pic = new PicPair(board, lock, apics::picChanged);
        apics.connectPic(pic::output, pic::acknowledge);
        ioapic = new IoApic(board, lock, apics);
        uart = new Uart16550("uart0", board, interrupt(IRQ_SERIAL), COM1);
        devices.add(apics);
        for (int i = 0; i < vcpus; i++) {
            devices.add(apics.apic(i));
        }
        devices.add(pic);
        devices.add(ioapic);
        devices.add(uart);
        devices.add(new Pit8254(board, interrupt(IRQ_TIMER)));
        devices.add(new Cmos(board, interrupt(IRQ_RTC), epochSecond, ramBytes, vcpus));
        devices.add(new AcpiPm(board, interrupt(IRQ_SCI)));
        devices.add(new KeyboardController(board, interrupt(IRQ_KEYBOARD), interrupt(IRQ_MOUSE)));
        devices.add(new PciHostBridge(board));
        CoprocessorError errors = new CoprocessorError(board, lock, interrupt(IRQ_COPROCESSOR));
        apics.connectErrors(errors);
        devices.add(errors);
        devices.add(new DebugExit(board));
    }

    @Override
    public List<Device> devices() {
        return List.copyOf(devices);
    }

    @Override
    public InterruptLine interrupt(int irq) {
        if (irq < 0 || irq >= LINES || irq == IRQ_CASCADE) {
            throw new IllegalArgumentException(
                    "irq " + irq + ": must be 0..23 and not 2, the cascade");
        }
        int input = irq == IRQ_TIMER ? TIMER_INPUT : irq;
        return asserted -> {
            synchronized (lock) {
                if (irq < ISA_LINES) {
                    pic.setLine(irq, asserted);
                }
                ioapic.setLine(input, asserted);
            }
        };
    }

    @Override
    public InterruptPort interrupts(int vcpu) {
        return apics.apic(vcpu);
    }

    @Override
    public SerialConsole serial() {
        return uart;
    }

    @Override
    public void close() {
        for (Device d : devices) {
            d.close();
        }
    }
}
