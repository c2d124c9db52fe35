// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal;

import dev.faultline.api.device.Board;
import dev.faultline.api.device.Chipset;
import dev.faultline.api.device.ChipsetFactory;
import dev.faultline.api.device.ChipsetHost;
import org.osgi.service.component.annotations.Component;

/** Offers the PC's chips. */
@Component(property = ChipsetFactory.CHIPSET + "=pc")
public final class PcChipsetFactory implements ChipsetFactory {
    @Override
    public Chipset create(Board board, ChipsetHost host, int vcpus, long ramBytes) {
        return new PcChipset(board, host, vcpus, ramBytes, System.currentTimeMillis() / 1000);
    }
}
